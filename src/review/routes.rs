//! The endpoint that changes cases. The clock is read here.

use std::time::Duration;

use chrono::Utc;
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{OpenApi, Tags};

use crate::http::admin::{Guard, Pass, Refusal};
use crate::http::body::Body;
use crate::http::fresh::Fresh;
use crate::http::problem::Problem;
use crate::review::changes::Changes;
use crate::review::decision::{Change, Decision};
use crate::review::store::{self, ReviewError};
use crate::store::{Store, StoreError};

/// How soon changes follow a change of generations.
const GENERATION_MAX_AGE: Duration = Duration::from_secs(1);

/// The endpoint that changes cases.
pub struct Api {
    store: Store,
    results: Fresh<Store>,
    guard: Guard,
    changes: Changes,
}

#[derive(Tags)]
enum Tag {
    /// What people decide.
    Review,
}

impl Api {
    /// Changes cases of this store's results, for whom this guard lets through, and counts the changes.
    pub fn new(store: Store, guard: Guard, changes: Changes) -> Self {
        Self { store, results: Fresh::new(GENERATION_MAX_AGE), guard, changes }
    }

    async fn results(&self) -> Result<Store, StoreError> {
        self.results.get(self.store.current_results()).await
    }
}

#[OpenApi(tag = "Tag::Review")]
impl Api {
    /// Confirms or dismisses a case, or opens it again.
    ///
    /// A dismissed case is not listed any more, nor are others of the same rule and visitor that begin in the next
    /// `quiet_days`. Every change is kept with its time. Write the `|` of the id as `%7C`.
    #[oai(path = "/fraud/:id", method = "patch", operation_id = "review_case")]
    async fn review(
        &self,
        pass: Pass,
        /// The `id` of a case of `/fraud`.
        #[oai(validator(max_length = 300))]
        id: Path<String>,
        change: Body<Change>,
    ) -> Result<Json<Decision>, Refusal> {
        self.guard.check(&pass)?;
        let decision = store::change(&self.results().await?, &id.0, &change.0, Utc::now()).await?;
        self.changes.add();
        Ok(Json(decision))
    }
}

impl From<ReviewError> for Refusal {
    fn from(error: ReviewError) -> Self {
        match error {
            ReviewError::NoCase(_) => {
                Self::NotFound(Json(Problem::new(StatusCode::NOT_FOUND, error.to_string())))
            }
            ReviewError::Impossible(why) => {
                Self::Conflict(Json(Problem::new(StatusCode::CONFLICT, why.to_string())))
            }
            ReviewError::Store(error) => error.into(),
        }
    }
}
