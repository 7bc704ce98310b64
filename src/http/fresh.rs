//! Values that many callers ask for at once and that need not be newer than a moment.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Keeps the last answer for a while. Whoever comes while it is being made waits for it instead of
/// making another: twenty open dashboards cost one question, and a flood of
/// probes one check.
#[derive(Debug)]
pub struct Fresh<T> {
    max_age: Duration,
    last: Mutex<Option<(Instant, T)>>,
}

impl<T: Clone> Fresh<T> {
    /// An empty cache whose answers serve for `max_age`.
    pub fn new(max_age: Duration) -> Self {
        Self { max_age, last: Mutex::default() }
    }

    /// The last answer if it is young enough, else what `ask` answers; a failure is not kept. May be
    /// cancelled: the next caller asks.
    ///
    /// # Errors
    /// Those of `ask`.
    pub async fn get<E>(&self, ask: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        // The one lock that is held across an await: to wait for it is to wait for the answer.
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < self.max_age
        {
            return Ok(answer.clone());
        }
        let answer = ask.await?;
        *last = Some((Instant::now(), answer.clone()));
        Ok(answer)
    }
}

/// Most answers that are kept: a dashboard asks a handful of different questions.
const KEYS_MAX: usize = 256;

/// The answer as its askers share it.
type Shared<T> = Arc<Fresh<Arc<T>>>;

/// A [`Fresh`] answer for each question. Askers of different questions do not wait for each other.
#[derive(Debug)]
pub struct FreshByKey<K, T> {
    max_age: Duration,
    answers: Mutex<HashMap<K, Shared<T>>>,
}

impl<K: Eq + Hash, T> FreshByKey<K, T> {
    /// An empty cache whose answers serve for `max_age`.
    pub fn new(max_age: Duration) -> Self {
        Self { max_age, answers: Mutex::default() }
    }

    /// As [`Fresh::get`], for this question.
    ///
    /// # Errors
    /// Those of `ask`.
    pub async fn get<E>(&self, key: K, ask: impl Future<Output = Result<T, E>>) -> Result<Arc<T>, E> {
        let fresh = self.of(key).await;
        fresh.get(async { ask.await.map(Arc::new) }).await
    }

    /// The cache of one question. When there are too many, all begin anew: who is waiting keeps what they wait for.
    async fn of(&self, key: K) -> Shared<T> {
        let mut answers = self.answers.lock().await;
        if answers.len() >= KEYS_MAX && !answers.contains_key(&key) {
            answers.clear();
        }
        answers.entry(key).or_insert_with(|| Arc::new(Fresh::new(self.max_age))).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn many_callers_at_once_cost_one_question() {
        let asked = AtomicU32::new(0);
        let fresh = Fresh::new(MINUTE);
        let ask = async || {
            tokio::task::yield_now().await;
            Ok::<_, ()>(asked.fetch_add(1, Ordering::Relaxed))
        };
        assert_eq!(join_all((0..20).map(|_| fresh.get(ask()))).await, [Ok(0); 20]);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn an_answer_that_is_too_old_is_made_again() {
        let fresh = Fresh::new(Duration::ZERO);
        assert_eq!(fresh.get(async { Ok::<_, ()>(1) }).await, Ok(1));
        assert_eq!(fresh.get(async { Ok::<_, ()>(2) }).await, Ok(2));
    }

    #[tokio::test]
    async fn a_caller_who_hangs_up_leaves_no_answer_behind() {
        let fresh = Fresh::new(MINUTE);
        let hangs = fresh.get(std::future::pending::<Result<u32, ()>>());
        assert!(tokio::time::timeout(Duration::ZERO, hangs).await.is_err());
        assert_eq!(fresh.get(async { Ok::<_, ()>(2) }).await, Ok(2));
    }

    #[tokio::test]
    async fn each_question_has_its_own_answer_and_there_are_never_too_many() {
        let fresh = FreshByKey::new(MINUTE);
        for n in 0..=KEYS_MAX {
            assert_eq!(fresh.get(n, async { Ok::<_, ()>(n) }).await, Ok(Arc::new(n)));
        }
        assert_eq!(fresh.answers.lock().await.len(), 1);
        assert_eq!(fresh.get(KEYS_MAX, async { Ok::<_, ()>(0) }).await, Ok(Arc::new(KEYS_MAX)));
    }

    #[tokio::test]
    async fn a_slow_answer_does_not_hold_up_another_question() {
        let fresh = FreshByKey::new(MINUTE);
        let slow = fresh.get("slow", std::future::pending::<Result<u32, ()>>());
        let quick = fresh.get("quick", async { Ok::<_, ()>(1) });
        tokio::select! {
            biased;
            _ = slow => unreachable!("it never answers"),
            answer = quick => assert_eq!(answer, Ok(Arc::new(1))),
        }
    }

    #[tokio::test]
    async fn a_failure_is_told_once_and_not_kept() {
        let fresh = Fresh::new(MINUTE);
        assert_eq!(fresh.get(async { Err("away") }).await, Err("away"));
        assert_eq!(fresh.get(async { Ok::<_, &str>(2) }).await, Ok(2));
    }
}
