//! Inline delivery: one thread takes a line from the file's notification to the sockets of the first clients.
//!
//! Waking another thread costs 30 to 70 microseconds on an idle machine, far more than a write to a socket, which never blocks. So an
//! event changes no thread on its way: the thread that the file system notifies polls the file, publishes its events, and polls the
//! first [`MAX_INLINE`] waiting connections. The parts, in this order:
//!
//! - [`InlineHandler`] is the tail's: it polls the file on the notified thread, unless the tail thread is polling already.
//! - [`Wakeups`] is the hub's: it wakes the inline subscribers at each publication and defers the others.
//! - [`InlineFuture`] is the server's: a connection, spawned as a task of the runtime like any other, that a publication may poll.
//!
//! Every other wake-up of a connection is the runtime's, and so are the connections beyond [`MAX_INLINE`].

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;
use tokio::sync::watch;

/// How many connections one publication polls: they take a tenth of a millisecond at most.
const MAX_INLINE: usize = 8;

/// Deferred subscribers are woken after so many events. A reader of ten events occupies a processor only briefly, and is far from
/// falling out of the log.
const MAX_DEFERRED_EVENTS: usize = 10;

/// Handles hints of type `H` on the thread that has them. Without a handler, the caller wakes another thread instead.
pub(crate) struct InlineHandler<H>(OnceLock<Box<HandlerFn<H>>>);

type HandlerFn<H> = dyn Fn(&H) -> bool + Send + Sync;

impl<H> Default for InlineHandler<H> {
    fn default() -> Self {
        InlineHandler(OnceLock::new())
    }
}

impl<H> InlineHandler<H> {
    /// Sets the function, which returns whether it has handled the hints. The first function stays.
    pub(crate) fn set(&self, handler: impl Fn(&H) -> bool + Send + Sync + 'static) {
        let _is_set_already = self.0.set(Box::new(handler)).is_err();
    }

    /// Returns whether the hints are handled. A panic counts as `false`: the thread that is woken instead meets the same fault.
    pub(crate) fn call(&self, hints: &H) -> bool {
        self.0.get().is_some_and(|handler| catch_unwind(AssertUnwindSafe(|| handler(hints))).unwrap_or(false))
    }
}

/// Wakes the subscribers of a hub. The signals carry no data ("read the log again"), so a lost or repeated one does no harm.
#[derive(Debug)]
pub(crate) struct Wakeups {
    inline: watch::Sender<()>,
    deferred: watch::Sender<()>,
    /// Published events of which the deferred subscribers do not know yet.
    deferred_events: AtomicUsize,
    /// Set by [`Wakeups::poll_inline`].
    runtime: OnceLock<Handle>,
}

impl Wakeups {
    pub(crate) fn new() -> Self {
        Wakeups {
            inline: watch::Sender::new(()),
            deferred: watch::Sender::new(()),
            deferred_events: AtomicUsize::new(0),
            runtime: OnceLock::new(),
        }
    }

    /// Lets [`Wakeups::wake_inline`] poll the woken [`InlineFuture`]s itself, within `runtime`. The first runtime stays.
    pub(crate) fn poll_inline(&self, runtime: Handle) {
        let _is_set_already = self.runtime.set(runtime).is_err();
    }

    pub(crate) fn subscribe_inline(&self) -> watch::Receiver<()> {
        self.inline.subscribe()
    }

    pub(crate) fn subscribe_deferred(&self) -> watch::Receiver<()> {
        self.deferred.subscribe()
    }

    /// Wakes the inline subscribers for `events` new events, and also the deferred ones once [`MAX_DEFERRED_EVENTS`] have gathered.
    pub(crate) fn wake_inline(&self, events: usize) {
        let deferred = self.deferred_events.fetch_add(events, Ordering::Relaxed) + events;
        let wake = || {
            self.inline.send_replace(());
        };
        match self.runtime.get() {
            Some(runtime) => poll_woken(runtime, wake),
            None => wake(),
        }
        if deferred >= MAX_DEFERRED_EVENTS {
            self.wake_deferred();
        }
    }

    pub(crate) fn wake_deferred(&self) {
        self.deferred_events.store(0, Ordering::Relaxed);
        self.deferred.send_replace(());
    }

    /// Wakes all subscribers and polls none of them.
    pub(crate) fn wake_all(&self) {
        self.inline.send_replace(());
        self.wake_deferred();
    }
}

thread_local! {
    /// The tasks woken by the publication of this thread; `None` outside of a publication.
    static WOKEN: RefCell<Option<Vec<Arc<InlineTask>>>> = const { RefCell::new(None) };
}

/// Calls `wake`, then polls the tasks that it woke.
fn poll_woken(runtime: &Handle, wake: impl Fn()) {
    WOKEN.set(Some(Vec::with_capacity(MAX_INLINE)));
    wake();
    let woken = WOKEN.take().unwrap_or_default();
    if woken.is_empty() {
        return;
    }
    // A connection may start a timer, which needs the runtime.
    let _entered = runtime.enter();
    woken.iter().for_each(InlineTask::poll_inline);
}

/// A future that its own task or a publication polls.
pub(crate) struct InlineFuture {
    shared: Arc<InlineTask>,
    waker: Waker,
}

impl InlineFuture {
    pub(crate) fn new(future: impl Future<Output = ()> + Send + 'static) -> Self {
        let shared = Arc::new(InlineTask { task: OnceLock::new(), future: Mutex::new(Some(Box::pin(future))) });
        let waker = Waker::from(shared.clone());
        InlineFuture { shared, waker }
    }
}

impl Future for InlineFuture {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.task.get_or_init(|| cx.waker().clone());
        poll(&mut self.shared.lock(), &mut Context::from_waker(&self.waker))
    }
}

impl Drop for InlineFuture {
    fn drop(&mut self) {
        // The future holds its waker, and the waker holds the future: taking the future out breaks the reference cycle.
        let future = self.shared.lock().take();
        drop(future);
    }
}

type OptionalFuture = Option<Pin<Box<dyn Future<Output = ()> + Send>>>;

/// The future, shared by its task and the publishing thread.
struct InlineTask {
    /// The task's own waker. It never changes: the runtime has one per task.
    task: OnceLock<Waker>,
    /// `None` once the future has finished.
    future: Mutex<OptionalFuture>,
}

impl Wake for InlineTask {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let is_inline = WOKEN.with_borrow_mut(|woken| match woken {
            Some(woken) if woken.len() < MAX_INLINE => {
                woken.push(self.clone());
                true
            }
            Some(_) | None => false,
        });
        if !is_inline {
            self.wake_task();
        }
    }
}

impl InlineTask {
    fn lock(&self) -> MutexGuard<'_, OptionalFuture> {
        // `poll` catches panics, so a poisoned lock holds a sound value.
        self.future.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_inline(self: &Arc<Self>) {
        let needs_task = match self.future.try_lock() {
            Ok(mut future) => poll(&mut future, &mut Context::from_waker(&Waker::from(self.clone()))).is_ready(),
            // The task is polling the future right now and may have read the log before this publication: it polls once more.
            Err(_) => true,
        };
        if needs_task {
            self.wake_task();
        }
    }

    fn wake_task(&self) {
        self.task.get().into_iter().for_each(Waker::wake_by_ref);
    }
}

fn poll(optional: &mut OptionalFuture, cx: &mut Context<'_>) -> Poll<()> {
    let Some(future) = optional else { return Poll::Ready(()) };
    // A panic ends this connection only, and not the thread that polls it, which may be the publishing one.
    let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
    match polled {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(())) | Err(_) => {
            *optional = None;
            Poll::Ready(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread::{self, ThreadId};
    use std::time::Duration;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime starts")
    }

    /// Starts `count` connections, each of which sends the id of the thread that polls it after a publication. Returns once all wait.
    fn connections(runtime: &tokio::runtime::Runtime, wakeups: &Wakeups, count: usize) -> mpsc::Receiver<ThreadId> {
        let (threads, polled_on) = mpsc::sync_channel(count);
        let (ready, are_ready) = mpsc::sync_channel(count);
        for _ in 0..count {
            let (mut signal, threads, ready) = (wakeups.subscribe_inline(), threads.clone(), ready.clone());
            runtime.spawn(InlineFuture::new(async move {
                let mut signal = std::pin::pin!(signal.changed());
                // Polled once, so that the next publication wakes it.
                let is_signalled = std::future::poll_fn(|cx| Poll::Ready(signal.as_mut().poll(cx))).await.is_ready();
                ready.send(is_signalled).expect("the test listens");
                signal.await.expect("the sender is there");
                // A connection starts a timer when its client accepts nothing.
                let _timer = tokio::time::sleep(Duration::from_secs(9));
                threads.send(thread::current().id()).expect("the test listens");
            }));
        }
        (0..count).for_each(|_| assert!(!are_ready.recv().expect("it runs")));
        polled_on
    }

    fn wakeups(runtime: &tokio::runtime::Runtime) -> Wakeups {
        let wakeups = Wakeups::new();
        wakeups.poll_inline(runtime.handle().clone());
        wakeups
    }

    #[test]
    fn the_publishing_thread_polls_a_few_and_the_runtime_the_others() {
        for count in [1, MAX_INLINE, 5 * MAX_INLINE] {
            let runtime = runtime();
            let wakeups = wakeups(&runtime);
            let polled_on = connections(&runtime, &wakeups, count);
            // There is one worker: once this task has run, all first polls are over.
            let idle = runtime.spawn(async {});
            runtime.block_on(idle).expect("it runs after them");
            wakeups.wake_inline(1);
            let here = thread::current().id();
            let inline = (0..count).filter(|_| polled_on.recv_timeout(Duration::from_secs(10)).expect("all are polled") == here).count();
            assert_eq!(inline, count.min(MAX_INLINE));
        }
    }

    #[test]
    fn a_panic_stays_with_its_connection() {
        let runtime = runtime();
        let wakeups = wakeups(&runtime);
        let mut signal = wakeups.subscribe_inline();
        let broken = runtime.spawn(InlineFuture::new(async move {
            signal.changed().await.expect("the sender is there");
            std::panic::resume_unwind(Box::new("broken"));
        }));
        let polled_on = connections(&runtime, &wakeups, 3);
        wakeups.wake_inline(1);
        (0..3).for_each(|_| assert!(polled_on.recv_timeout(Duration::from_secs(10)).is_ok()));
        runtime.block_on(broken).expect("its task ends like any other");
    }

    #[test]
    fn a_dropped_future_frees_what_it_holds() {
        struct DropCounter(Arc<AtomicUsize>);
        impl Drop for DropCounter {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (wakeups, dropped) = (Wakeups::new(), Arc::new(AtomicUsize::new(0)));
        let (mut signal, held) = (wakeups.subscribe_inline(), DropCounter(dropped.clone()));
        let mut future = InlineFuture::new(async move {
            signal.changed().await.expect("the sender is there");
            drop(held);
        });
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(future);
        assert_eq!(dropped.load(Ordering::SeqCst), 1);
    }
}
