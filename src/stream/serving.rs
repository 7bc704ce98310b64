//! Which generations write to Kafka: those that readers see or can go back to.
//!
//! All generations read the same topics, and what the processor writes there (dead letters and ticks) must
//! not come a second time because history is read a second time. So a generation that is only being filled
//! writes nothing to Kafka. One that was promoted does, and goes on doing so while readers can go back to
//! it: from one generation to the next, both write for a while, and no record is read by neither. A dead
//! letter that is written twice is one by its key, and a second tick states nothing new.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::model::generation::Generation;
use crate::store::Store;
use crate::store::generations::Generations;

/// Time between two looks at which generations serve.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether a generation writes to Kafka, as far as is known. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Serving(Arc<AtomicBool>);

impl Serving {
    /// What these generations say.
    pub fn of(generation: &Generation, generations: &Generations) -> Self {
        let serving = Self::default();
        serving.set(generations.served().contains(generation));
        serving
    }

    /// Whether it writes.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes it, and gives what was noted before.
    fn set(&self, on: bool) -> bool {
        self.0.swap(on, Ordering::Relaxed)
    }

    /// Keeps looking, for ever. While Elasticsearch does not answer, what was known last counts.
    pub async fn keep_looking(self, store: Store, generation: Generation) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match store.generations().await {
                Ok(generations) => {
                    let on = generations.served().contains(&generation);
                    if self.set(on) != on {
                        tracing::info!(%generation, on, "writing dead letters and ticks");
                    }
                }
                Err(error) => tracing::debug!(%error, "which generations serve is not known now"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    #[test]
    fn a_generation_writes_to_kafka_from_its_promotion_until_readers_cannot_go_back_to_it() {
        let mut generations = Generations::default();
        let (original, second) = (Generation::Original, "v2".parse().unwrap());
        let writes = |generations: &Generations| {
            [&original, &second].map(|generation| Serving::of(generation, generations).is_on())
        };
        generations.begin(&second, None, Timestamp::MIN).unwrap();
        assert_eq!(writes(&generations), [true, false]);
        generations.promote(&second).unwrap();
        assert_eq!(writes(&generations), [true, true]);
        generations.back().unwrap();
        assert_eq!(writes(&generations), [true, false]);
        generations.promote(&second).unwrap();
        generations.forget(&original).unwrap();
        assert_eq!(writes(&generations), [false, true]);
    }
}
