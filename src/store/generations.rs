//! Which generations of results there are, and which one readers see: one document, so that the change
//! from one to another is one write, and all who read see all of the one or all of the other.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;

use crate::model::generation::{Generation, Start};
use crate::model::time::Timestamp;
use crate::store::schema::Schema;
use crate::store::{Method, Missing, Store, StoreError};

/// Attempts at a change while others change the same.
const ATTEMPTS_MAX: u32 = 5;

/// The shop's generations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generations {
    /// Those that readers see or can go back to, the one that they see last. None stands for the original.
    served: Vec<Generation>,
    /// Those that were begun beside the original, in this order.
    begun: Vec<Begun>,
}

/// A generation that was begun beside the original.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Which.
    pub generation: Generation,
    /// It holds what was stored in the topics at this time or later; `None` for all that they held.
    pub from: Option<Timestamp>,
    /// When it was begun.
    pub begun_at: Timestamp,
}

impl Begun {
    /// Where it begins.
    pub fn start(&self) -> Start {
        self.from.map_or(Start::Beginning, Start::At)
    }
}

/// Why generations are not changed or not read.
#[derive(Debug, Error)]
pub enum GenerationError {
    /// There is none of that name.
    #[error("there is no generation {name}, only {}; `processor --generation {name}` begins it", there.join(", "))]
    Unknown {
        /// The name.
        name: Generation,
        /// All that there are.
        there: Vec<String>,
    },
    /// It was begun from elsewhere.
    #[error(
        "the generation {name} was begun with --from {start}: leave --from out to go on, or take another name"
    )]
    OtherStart {
        /// Which.
        name: Generation,
        /// Where it begins.
        start: Start,
    },
    /// The original begins with the first records.
    #[error("--from is for a new generation: name one with --generation")]
    OriginalStart,
    /// Until then nothing would be processed.
    #[error("--from {0} lies in the future: take a time that has passed")]
    FutureStart(Start),
    /// Nothing would change.
    #[error("readers see the generation {0} already")]
    CurrentAlready(Generation),
    /// There is no way back.
    #[error("readers see the generation {0}, and none from before it is left to go back to")]
    NothingBefore(Generation),
    /// It is needed.
    #[error("readers see the generation {0}: promote another, or go back, before it is removed")]
    Current(Generation),
    /// The exchange with Elasticsearch failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Generations {
    /// The one that readers see.
    pub fn current(&self) -> Generation {
        self.served.last().cloned().unwrap_or_default()
    }

    /// Those that readers see or can go back to, the one that they see last.
    pub fn served(&self) -> &[Generation] {
        if self.served.is_empty() { &[Generation::Original] } else { &self.served }
    }

    /// Those that were begun beside the original.
    pub fn begun(&self) -> &[Begun] {
        &self.begun
    }

    /// Makes sure that there is one of this name.
    ///
    /// # Errors
    /// [`GenerationError::Unknown`]
    pub fn check(&self, name: &Generation) -> Result<(), GenerationError> {
        let all =
            [Generation::Original].into_iter().chain(self.begun.iter().map(|one| one.generation.clone()));
        let all: Vec<Generation> = all.collect();
        if all.contains(name) {
            return Ok(());
        }
        let there = all.iter().map(Generation::to_string).collect();
        Err(GenerationError::Unknown { name: name.clone(), there })
    }

    /// Begins a generation, or goes on with it. Gives where it begins.
    ///
    /// # Errors
    /// [`GenerationError::OtherStart`] for one that was begun elsewhere, [`GenerationError::OriginalStart`],
    /// [`GenerationError::FutureStart`].
    pub fn begin(
        &mut self,
        name: &Generation,
        start: Option<Start>,
        now: Timestamp,
    ) -> Result<Start, GenerationError> {
        let begun = self.begun.iter().find(|one| one.generation == *name).map(Begun::start);
        match (name, begun, start) {
            (Generation::Original, _, None) => Ok(Start::Beginning),
            (Generation::Original, _, Some(_)) => Err(GenerationError::OriginalStart),
            (Generation::Named(_), Some(begun), Some(start)) if begun != start => {
                Err(GenerationError::OtherStart { name: name.clone(), start: begun })
            }
            (Generation::Named(_), Some(begun), _) => Ok(begun),
            (Generation::Named(_), None, Some(start)) if start > Start::At(now) => {
                Err(GenerationError::FutureStart(start))
            }
            (Generation::Named(_), None, _) => {
                let start = start.unwrap_or(Start::Beginning);
                let from = match start {
                    Start::Beginning => None,
                    Start::At(time) => Some(time),
                };
                self.begun.push(Begun { generation: name.clone(), from, begun_at: now });
                Ok(start)
            }
        }
    }

    /// Lets readers see a generation from now on.
    ///
    /// # Errors
    /// [`GenerationError::Unknown`], [`GenerationError::CurrentAlready`]
    pub fn promote(&mut self, name: &Generation) -> Result<(), GenerationError> {
        self.check(name)?;
        if self.current() == *name {
            return Err(GenerationError::CurrentAlready(name.clone()));
        }
        let mut served = self.served().to_vec();
        served.retain(|one| one != name);
        served.push(name.clone());
        self.served = served;
        Ok(())
    }

    /// Lets readers see again the generation from before, and gives its name.
    ///
    /// # Errors
    /// [`GenerationError::NothingBefore`]
    pub fn back(&mut self) -> Result<Generation, GenerationError> {
        let [.., before, _] = self.served.as_slice() else {
            return Err(GenerationError::NothingBefore(self.current()));
        };
        let before = before.clone();
        self.served.pop();
        Ok(before)
    }

    /// Forgets a generation that readers do not see.
    ///
    /// # Errors
    /// [`GenerationError::Unknown`], [`GenerationError::Current`]
    pub fn forget(&mut self, name: &Generation) -> Result<(), GenerationError> {
        self.check(name)?;
        if self.current() == *name {
            return Err(GenerationError::Current(name.clone()));
        }
        self.served.retain(|one| one != name);
        self.begun.retain(|one| one.generation != *name);
        Ok(())
    }
}

/// The document, and what a change of it must say to be the next after this state.
#[derive(Deserialize)]
struct Kept {
    #[serde(rename = "_source")]
    generations: Generations,
    #[serde(rename = "_seq_no")]
    number: u64,
    #[serde(rename = "_primary_term")]
    term: u64,
}

#[derive(Deserialize)]
struct Found {
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Kept>,
}

impl Store {
    /// The shop's generations.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub async fn generations(&self) -> Result<Generations, StoreError> {
        Ok(self.kept().await?.map(|kept| kept.generations).unwrap_or_default())
    }

    /// The results that readers see.
    ///
    /// # Errors
    /// As [`Store::search`].
    pub async fn current_results(&self) -> Result<Self, StoreError> {
        Ok(self.of_generation(&self.generations().await?.current()))
    }

    /// The results of the generation of this name; without a name, those that readers see.
    ///
    /// # Errors
    /// [`GenerationError::Unknown`], [`GenerationError::Store`]
    pub async fn results(&self, name: Option<&Generation>) -> Result<Self, GenerationError> {
        let Some(name) = name else { return Ok(self.current_results().await?) };
        self.generations().await?.check(name)?;
        Ok(self.of_generation(name))
    }

    /// Changes the generations, one after the other with all who do so at the same time.
    ///
    /// # Errors
    /// That of `change`; as [`Store::send`].
    pub async fn change_generations<T>(
        &self,
        mut change: impl FnMut(&mut Generations) -> Result<T, GenerationError>,
    ) -> Result<T, GenerationError> {
        let store = self.of_shop();
        let mut attempt = 1;
        loop {
            let kept = store.kept().await?;
            let revision = kept.as_ref().map(|kept| (kept.number, kept.term));
            let before = kept.map(|kept| kept.generations).unwrap_or_default();
            let mut after = before.clone();
            let changed = change(&mut after)?;
            if after == before {
                return Ok(changed);
            }
            match store.keep(&after, revision).await {
                Err(StoreError::Refused { status: 409, .. }) if attempt < ATTEMPTS_MAX => attempt += 1,
                kept => return kept.map(|()| changed).map_err(GenerationError::from),
            }
        }
    }

    async fn kept(&self) -> Result<Option<Kept>, StoreError> {
        let body = json!({ "size": 1, "seq_no_primary_term": true });
        let index = Schema::GENERATIONS.name;
        let what = "read which generations there are";
        let found: Found = self.of_shop().search(what, index, Missing::IsEmpty, &body).await?;
        Ok(found.hits.hits.into_iter().next())
    }

    /// Keeps the document if nobody has changed it since `revision`, and makes it visible at once.
    async fn keep(&self, generations: &Generations, revision: Option<(u64, u64)>) -> Result<(), StoreError> {
        self.ensure(&Schema::GENERATIONS).await?;
        let condition = match revision {
            Some((number, term)) => format!("if_seq_no={number}&if_primary_term={term}"),
            None => "op_type=create".to_owned(),
        };
        let path = format!("/{}/_doc/all?refresh=true&{condition}", self.name(Schema::GENERATIONS.name));
        let body = json!(generations);
        self.send::<Value>("change the generations", Method::Put, &path, Some(&body)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(name: &str) -> Generation {
        name.parse().unwrap()
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// A shop with the generations v1 and v2 beside the original.
    fn shop() -> Generations {
        let mut shop = Generations::default();
        for name in ["v1", "v2"] {
            shop.begin(&named(name), None, at(1)).unwrap();
        }
        shop
    }

    #[test]
    fn readers_see_the_original_until_another_is_promoted_and_can_go_all_the_way_back() {
        let mut shop = shop();
        assert_eq!(shop.current(), Generation::Original);
        for name in ["v1", "v2"] {
            shop.promote(&named(name)).unwrap();
            assert_eq!(shop.current(), named(name));
        }
        assert_eq!(shop.back().unwrap(), named("v1"));
        assert_eq!(shop.back().unwrap(), Generation::Original);
        let error = shop.back().unwrap_err().to_string();
        assert!(error.contains("none from before it is left"), "{error}");
    }

    #[test]
    fn a_generation_that_does_not_exist_is_refused_with_those_that_do() {
        let mut shop = shop();
        let expected =
            "there is no generation v9, only original, v1, v2; `processor --generation v9` begins it";
        assert_eq!(shop.promote(&named("v9")).unwrap_err().to_string(), expected);
        assert_eq!(shop.forget(&named("v9")).unwrap_err().to_string(), expected);
        assert!(matches!(shop.promote(&Generation::Original), Err(GenerationError::CurrentAlready(_))));
    }

    #[test]
    fn a_generation_begins_once_and_goes_on_from_there() {
        let (mut shop, time) = (shop(), Start::At(at(7)));
        assert_eq!(shop.begin(&named("v3"), Some(time), at(9)).unwrap(), time);
        assert_eq!(shop.begin(&named("v3"), None, at(10)).unwrap(), time);
        let begun = Begun { generation: named("v3"), from: Some(at(7)), begun_at: at(9) };
        assert_eq!(shop.begun().last(), Some(&begun));
        let error = shop.begin(&named("v3"), Some(Start::Beginning), at(11)).unwrap_err().to_string();
        assert!(error.contains("was begun with --from 1970-01-01T00:00:00.007Z"), "{error}");
        let future = shop.begin(&named("v4"), Some(Start::At(at(12))), at(11));
        assert!(matches!(future, Err(GenerationError::FutureStart(_))));
        let original = shop.begin(&Generation::Original, Some(time), at(11));
        assert!(matches!(original, Err(GenerationError::OriginalStart)));
    }

    #[test]
    fn a_generation_that_readers_see_is_not_forgotten_and_one_that_is_forgotten_is_not_gone_back_to() {
        let mut shop = shop();
        shop.promote(&named("v1")).unwrap();
        shop.promote(&named("v2")).unwrap();
        assert!(matches!(shop.forget(&named("v2")), Err(GenerationError::Current(_))));
        shop.forget(&named("v1")).unwrap();
        assert_eq!(shop.back().unwrap(), Generation::Original);
    }

    proptest! {
        #[test]
        fn going_back_undoes_a_promotion_of_what_was_never_served(steps in prop::collection::vec(0..3_usize, 0..8)) {
            let mut shop = shop();
            for step in steps {
                // Promoting what is current already is refused, which changes nothing.
                let _ = shop.promote(&[Generation::Original, named("v1"), named("v2")][step]);
            }
            shop.begin(&named("v3"), None, at(1)).unwrap();
            let before = shop.clone();
            shop.promote(&named("v3")).unwrap();
            prop_assert_eq!(shop.back().unwrap(), before.current());
            prop_assert_eq!(shop.served(), before.served());
        }
    }
}
