//! Values that many callers ask for at once and that need not be newer than a moment.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError};
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
        self.get_if(|_| true, ask).await
    }

    /// As [`Fresh::get`], where an answer that does not serve is made again however young it is.
    ///
    /// # Errors
    /// Those of `ask`.
    pub async fn get_if<E>(
        &self,
        serves: impl FnOnce(&T) -> bool,
        ask: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        // The one lock that is held across an await: to wait for it is to wait for the answer.
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < self.max_age
            && serves(answer)
        {
            return Ok(answer.clone());
        }
        let answer = ask.await?;
        *last = Some((Instant::now(), answer.clone()));
        Ok(answer)
    }
}

/// Most questions whose answers are kept; beyond it all are forgotten.
const QUESTIONS_MAX: usize = 1_000;

/// A [`Fresh`] answer for each question.
#[derive(Debug)]
pub struct FreshBy<Q, T> {
    max_age: Duration,
    answers: std::sync::Mutex<HashMap<Q, Arc<Fresh<T>>>>,
}

impl<Q: Eq + Hash, T: Clone> FreshBy<Q, T> {
    /// An empty cache whose answers serve for `max_age`.
    pub fn new(max_age: Duration) -> Self {
        Self { max_age, answers: std::sync::Mutex::default() }
    }

    /// As [`Fresh::get`], among those who ask the same.
    ///
    /// # Errors
    /// Those of `ask`.
    pub async fn get<E>(&self, question: Q, ask: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let answer = self.answer(question);
        answer.get(ask).await
    }

    fn answer(&self, question: Q) -> Arc<Fresh<T>> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= QUESTIONS_MAX && !answers.contains_key(&question) {
            answers.clear();
        }
        answers.entry(question).or_insert_with(|| Arc::new(Fresh::new(self.max_age))).clone()
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
    async fn an_answer_that_does_not_serve_is_made_again() {
        let fresh = Fresh::new(MINUTE);
        assert_eq!(fresh.get_if(|_| false, async { Ok::<_, ()>(1) }).await, Ok(1));
        assert_eq!(fresh.get_if(|known| *known == 1, async { Ok::<_, ()>(2) }).await, Ok(1));
        assert_eq!(fresh.get_if(|known| *known == 2, async { Ok::<_, ()>(2) }).await, Ok(2));
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
    async fn a_failure_is_told_once_and_not_kept() {
        let fresh = Fresh::new(MINUTE);
        assert_eq!(fresh.get(async { Err("away") }).await, Err("away"));
        assert_eq!(fresh.get(async { Ok::<_, &str>(2) }).await, Ok(2));
    }

    #[tokio::test]
    async fn each_question_has_an_answer_of_its_own_and_few_are_kept() {
        let fresh = FreshBy::new(MINUTE);
        assert_eq!(fresh.get("a", async { Ok::<_, ()>(1) }).await, Ok(1));
        assert_eq!(fresh.get("b", async { Ok::<_, ()>(2) }).await, Ok(2));
        assert_eq!(fresh.get("a", async { Ok::<_, ()>(3) }).await, Ok(1));
        let numbers = FreshBy::new(MINUTE);
        for question in 0..3 * QUESTIONS_MAX {
            assert_eq!(numbers.get(question, async { Ok::<_, ()>(question) }).await, Ok(question));
        }
        assert!(numbers.answers.into_inner().unwrap().len() <= QUESTIONS_MAX);
    }
}
