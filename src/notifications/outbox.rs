//! When what is told, and how often it is tried: pure, with the time as an argument.
//!
//! What comes within a minute is one notification. Each receiver has a queue of its own: in order, one at a time, tried again after
//! [`SCHEDULE`]; a new one makes the oldest be tried at once, because the receiver may be back.

use std::collections::VecDeque;
use std::time::Duration;

use super::occasion::Notification;

/// How long the first one waits for others of the same moment.
const SETTLE: Duration = Duration::from_secs(1);
/// From one notification to the next.
const WINDOW: Duration = Duration::from_secs(60);
/// Between two tries: after the first, the second, …
const SCHEDULE: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
];
/// Notifications that wait for one receiver.
const QUEUE_LIMIT: usize = 32;
/// Occasions of one minute.
const FOLD_LIMIT: usize = 100;

/// How a try went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DeliveryResult {
    Delivered,
    /// It may work later: why, and for how long the receiver asks to be left alone.
    Failed {
        reason: String,
        retry_after: Option<Duration>,
    },
    /// It will not work another time.
    Refused {
        reason: String,
    },
    /// The receiver wants nothing any more.
    Gone,
}

/// One try that is due.
#[derive(Debug, Clone)]
pub(super) struct DueDelivery {
    /// Index of the receiver.
    pub receiver: usize,
    pub notification: Notification,
}

/// What a person must know of a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Index of the receiver.
    pub receiver: usize,
    /// What is lost and why.
    pub message: String,
}

/// All that is still to be told.
#[derive(Debug)]
pub(super) struct Outbox {
    /// Of the present minute, oldest first.
    collected: Vec<Notification>,
    /// When they become one.
    release_at: Option<Duration>,
    last_release: Option<Duration>,
    queues: Vec<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    deliveries: VecDeque<Delivery>,
    in_flight: bool,
    is_gone: bool,
}

#[derive(Debug)]
struct Delivery {
    notification: Notification,
    /// Tries that counted.
    tries: usize,
    due: Duration,
    /// When it is due by the schedule: an earlier try does not count.
    scheduled: Duration,
}

impl Outbox {
    pub(super) fn new(receivers: usize) -> Self {
        Outbox { collected: Vec::new(), release_at: None, last_release: None, queues: (0..receivers).map(|_| Queue::default()).collect() }
    }

    /// Takes a new occasion.
    pub(super) fn add(&mut self, notification: Notification, now: Duration) {
        self.collected.push(notification);
        if self.collected.len() > FOLD_LIMIT {
            // Of those that matter least the last one: the end of a run is told, whatever came before it.
            let least = (0..self.collected.len()).max_by_key(|index| self.collected[*index].kind);
            least.map(|index| self.collected.remove(index));
        }
        let earliest = self.last_release.map_or(Duration::ZERO, |last| last + WINDOW);
        self.release_at.get_or_insert((now + SETTLE).max(earliest));
    }

    /// Takes up what an earlier process left to be told.
    pub(super) fn restore(&mut self, receiver: usize, notifications: Vec<Notification>, now: Duration) {
        if let Some(queue) = self.queues.get_mut(receiver) {
            let delivery = |notification| Delivery { notification, tries: 0, due: now, scheduled: now };
            queue.deliveries.extend(notifications.into_iter().map(delivery));
        }
    }

    /// Makes what was collected one notification of every receiver, whatever the time.
    pub(super) fn release(&mut self, now: Duration) -> Vec<Trouble> {
        self.release_at = None;
        let Some(folded) = Notification::fold(std::mem::take(&mut self.collected)) else { return Vec::new() };
        self.last_release = Some(now);
        let queues = self.queues.iter_mut().enumerate();
        queues.filter_map(|(receiver, queue)| Some(Trouble { receiver, message: queue.push(folded.clone(), now)? })).collect()
    }

    /// What is to be tried now. Its outcome is reported by [`Outbox::settle`].
    pub(super) fn due(&mut self, now: Duration) -> (Vec<DueDelivery>, Vec<Trouble>) {
        let troubles = if self.release_at.is_some_and(|at| at <= now) { self.release(now) } else { Vec::new() };
        let mut attempts = Vec::new();
        for (receiver, queue) in self.queues.iter_mut().enumerate() {
            if let Some(head) = queue.deliveries.front().filter(|head| !queue.in_flight && head.due <= now) {
                attempts.push(DueDelivery { receiver, notification: head.notification.clone() });
                queue.in_flight = true;
            }
        }
        (attempts, troubles)
    }

    /// Takes the outcome of a try. `jitter` is from 0 to 1.
    pub(super) fn settle(&mut self, receiver: usize, outcome: DeliveryResult, now: Duration, jitter: f64) -> Option<Trouble> {
        let queue = self.queues.get_mut(receiver)?;
        queue.in_flight = false;
        let trouble = |message: String| Some(Trouble { receiver, message });
        match outcome {
            DeliveryResult::Delivered => {
                queue.pop(now);
                None
            }
            DeliveryResult::Gone => {
                let lost = queue.deliveries.len();
                queue.deliveries.clear();
                queue.is_gone = true;
                trouble(format!("wants nothing any more (410): {lost} notifications are dropped, and no other will be sent there"))
            }
            DeliveryResult::Refused { reason } => {
                let title = queue.pop(now)?.title;
                trouble(format!("was not told of {title:?}: {reason}"))
            }
            DeliveryResult::Failed { reason, retry_after } => {
                let head = queue.deliveries.front_mut()?;
                if now < head.scheduled {
                    // Tried early because another one came.
                    head.due = head.scheduled;
                    return None;
                }
                let Some(pause) = SCHEDULE.get(head.tries) else {
                    let title = queue.pop(now)?.title;
                    return trouble(format!("was not told of {title:?}, tried {} times: {reason}", SCHEDULE.len() + 1));
                };
                head.tries += 1;
                let longest = SCHEDULE[SCHEDULE.len() - 1];
                let pause = pause.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0)).max(retry_after.unwrap_or_default().min(longest));
                head.scheduled = now + pause;
                head.due = head.scheduled;
                None
            }
        }
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let heads = self.queues.iter().filter(|queue| !queue.in_flight).filter_map(|queue| queue.deliveries.front());
        heads.map(|head| head.due).chain(self.release_at).min()
    }

    /// What waits to become one notification.
    pub(super) fn collected(&self) -> &[Notification] {
        &self.collected
    }

    /// What waits for a receiver, what is being tried included.
    pub(super) fn waiting(&self, receiver: usize) -> impl Iterator<Item = &Notification> {
        self.queues.get(receiver).into_iter().flat_map(|queue| queue.deliveries.iter().map(|delivery| &delivery.notification))
    }
}

impl Queue {
    /// Adds one at the end. Returns what is lost by it.
    fn push(&mut self, notification: Notification, now: Duration) -> Option<String> {
        if self.is_gone {
            return None;
        }
        let mut lost = None;
        if self.deliveries.len() >= QUEUE_LIMIT {
            // The one that is being tried stays.
            lost = self.deliveries.remove(usize::from(self.in_flight)).map(|oldest| oldest.notification.title);
        }
        self.deliveries.push_back(Delivery { notification, tries: 0, due: now, scheduled: now });
        if let Some(head) = self.deliveries.front_mut() {
            head.due = head.due.min(now);
        }
        lost.map(|title| format!("was not told of {title:?}: {QUEUE_LIMIT} others wait for it to answer"))
    }

    /// Takes the first one out; the next one is due.
    fn pop(&mut self, now: Duration) -> Option<Notification> {
        let head = self.deliveries.pop_front();
        if let Some(next) = self.deliveries.front_mut() {
            next.due = now;
        }
        head.map(|head| head.notification)
    }
}
