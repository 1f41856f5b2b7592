//! From the publisher's hand to the socket: the thread that publishes polls the first few waiting connections itself.
//!
//! Waking another thread costs 30 to 70 microseconds on a machine that was idle, far more than a write to a socket, which never
//! blocks. Connections remain tasks of the runtime, and whatever else wakes them is the runtime's business; more than
//! [`AT_HAND`] waiting ones are better off with its threads.

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;

/// How many connections a publisher serves by hand: a tenth of a millisecond at most.
const AT_HAND: usize = 8;

thread_local! {
    /// Who was woken by the publishing that this thread is at; `None` while it is at none.
    static WOKEN: RefCell<Option<Vec<Arc<Shared>>>> = const { RefCell::new(None) };
}

/// Runs `wake`, and then those connections that it woke.
pub(super) fn deliver(runtime: &Handle, wake: &dyn Fn()) {
    WOKEN.set(Some(Vec::with_capacity(AT_HAND)));
    wake();
    let woken = WOKEN.take().unwrap_or_default();
    if woken.is_empty() {
        return;
    }
    // For the timers that a connection may start.
    let _entered = runtime.enter();
    woken.iter().for_each(Shared::poll_by_hand);
}

/// A future that a publisher may poll when it wakes it, besides the task it is spawned as.
pub(super) struct AtHand {
    shared: Arc<Shared>,
    waker: Waker,
}

impl AtHand {
    pub(super) fn new(future: impl Future<Output = ()> + Send + 'static) -> Self {
        let shared = Arc::new(Shared { task: OnceLock::new(), future: Mutex::new(Some(Box::pin(future))) });
        let waker = Waker::from(shared.clone());
        AtHand { shared, waker }
    }
}

impl Future for AtHand {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.task.get_or_init(|| cx.waker().clone());
        poll(&mut self.shared.slot(), &mut Context::from_waker(&self.waker))
    }
}

impl Drop for AtHand {
    fn drop(&mut self) {
        // What it waits for holds its waker, which holds it: a future that is given up must be taken out of that ring.
        let future = self.shared.slot().take();
        drop(future);
    }
}

type Slot = Option<Pin<Box<dyn Future<Output = ()> + Send>>>;

/// A connection between its task and the publisher.
struct Shared {
    /// The task's own: the runtime has one for the whole life of a task.
    task: OnceLock<Waker>,
    /// Empty once it is over.
    future: Mutex<Slot>,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let taken = WOKEN.with_borrow_mut(|woken| match woken {
            Some(woken) if woken.len() < AT_HAND => {
                woken.push(self.clone());
                true
            }
            Some(_) | None => false,
        });
        if !taken {
            self.wake_task();
        }
    }
}

impl Shared {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        // Panics are caught where the future is polled.
        self.future.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_by_hand(self: &Arc<Self>) {
        let is_for_the_task = match self.future.try_lock() {
            Ok(mut slot) => poll(&mut slot, &mut Context::from_waker(&Waker::from(self.clone()))).is_ready(),
            // Its task is at it, perhaps already beyond where it would see the news: once more.
            Err(_) => true,
        };
        if is_for_the_task {
            self.wake_task();
        }
    }

    fn wake_task(&self) {
        self.task.get().into_iter().for_each(Waker::wake_by_ref);
    }
}

fn poll(slot: &mut Slot, cx: &mut Context<'_>) -> Poll<()> {
    let Some(future) = slot else { return Poll::Ready(()) };
    // A connection that panics is over; whoever polled it, which may be the publisher, goes on.
    let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
    match polled {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(())) | Err(_) => {
            *slot = None;
            Poll::Ready(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread::{self, ThreadId};
    use std::time::Duration;

    use tokio::sync::watch;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime starts")
    }

    /// `count` connections; each says on which thread it heard of the first publishing. Returns once all of them are waiting.
    fn waiting(runtime: &tokio::runtime::Runtime, news: &watch::Sender<u32>, count: usize) -> mpsc::Receiver<ThreadId> {
        let (say, heard) = mpsc::sync_channel(count);
        let (ready, are_ready) = mpsc::sync_channel(count);
        for _ in 0..count {
            let (mut news, say, ready) = (news.subscribe(), say.clone(), ready.clone());
            runtime.spawn(AtHand::new(async move {
                let mut news = std::pin::pin!(news.changed());
                // Polled once, so that it is woken by what comes next.
                let is_there = std::future::poll_fn(|cx| Poll::Ready(news.as_mut().poll(cx))).await.is_ready();
                ready.send(is_there).expect("the test listens");
                news.await.expect("the sender is there");
                // As a connection that becomes stuck does.
                let _timer = tokio::time::sleep(Duration::from_secs(9));
                say.send(thread::current().id()).expect("the test listens");
            }));
        }
        (0..count).for_each(|_| assert!(!are_ready.recv().expect("it runs")));
        heard
    }

    fn publish(runtime: &tokio::runtime::Runtime, news: &watch::Sender<u32>) {
        deliver(runtime.handle(), &|| news.send_modify(|version| *version += 1));
    }

    #[test]
    fn a_few_are_served_on_the_publishing_thread_and_many_are_all_served() {
        for count in [1, AT_HAND, 5 * AT_HAND] {
            let (runtime, news) = (runtime(), watch::Sender::new(0));
            let heard = waiting(&runtime, &news, count);
            // One worker: when this has run, the polls in which they said that they are ready are over.
            let idle = runtime.spawn(async {});
            runtime.block_on(idle).expect("it runs after them");
            publish(&runtime, &news);
            let here = thread::current().id();
            let by_hand = (0..count).filter(|_| heard.recv_timeout(Duration::from_secs(10)).expect("everybody hears") == here).count();
            assert_eq!(by_hand, count.min(AT_HAND));
        }
    }

    #[test]
    fn a_panic_stays_with_its_connection() {
        let (runtime, news) = (runtime(), watch::Sender::new(0));
        let mut mine = news.subscribe();
        let broken = runtime.spawn(AtHand::new(async move {
            mine.changed().await.expect("the sender is there");
            std::panic::resume_unwind(Box::new("broken"));
        }));
        let heard = waiting(&runtime, &news, 3);
        publish(&runtime, &news);
        (0..3).for_each(|_| assert!(heard.recv_timeout(Duration::from_secs(10)).is_ok()));
        runtime.block_on(broken).expect("its task ends like any other");
    }

    #[test]
    fn given_up_is_gone() {
        struct Counted(Arc<AtomicUsize>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        }
        let (news, gone) = (watch::Sender::new(0), Arc::new(AtomicUsize::new(0)));
        let (mut mine, held) = (news.subscribe(), Counted(gone.clone()));
        let mut future = AtHand::new(async move {
            mine.changed().await.expect("the sender is there");
            drop(held);
        });
        assert!(Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(future);
        assert_eq!(gone.load(Ordering::SeqCst), 1);
    }
}
