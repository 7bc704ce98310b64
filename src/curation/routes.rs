//! The endpoints of synonyms, rules and the record of their changes.

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{OpenApi, Tags};

use crate::curation::answers::{Changed, Changes, NamedRule, NamedSynonym, Recorded, Rules, Synonyms};
use crate::curation::preview::{self, SEARCHES_MAX};
use crate::http::admin::{Guard, Pass, Refusal};
use crate::http::body::Body;
use crate::http::problem::Failure;
use crate::merchandising::rule::Rule;
use crate::merchandising::state::{Edit, EditError, Entry, State, Subject};
use crate::merchandising::store;
use crate::merchandising::synonym::Synonym;
use crate::model::time::Timestamp;
use crate::search::Search;
use crate::store::Store;

/// Longest name of who makes a change, in characters.
const BY_CHARS_MAX: usize = 64;

/// The endpoints of synonyms, rules and the record of their changes.
pub struct Api {
    /// Where they are kept.
    pub store: Store,
    /// What shows their effects.
    pub search: Search,
    /// Who may change them.
    pub guard: Guard,
}

#[derive(Tags)]
enum Tag {
    /// Changing what searches find, while the shop runs.
    Merchandising,
}

/// How a change is asked for, besides what it is.
struct Terms {
    dry_run: bool,
    known: Option<u64>,
    queries: Vec<String>,
    by: String,
}

type Outcome = Result<Json<Changed>, Refusal>;

#[OpenApi(tag = "Tag::Merchandising")]
impl Api {
    /// Lists the synonyms that were made while the shop runs.
    #[oai(path = "/synonyms", method = "get", operation_id = "synonyms")]
    async fn synonyms(&self) -> Result<Json<Synonyms>, Failure> {
        let State { revision, synonyms, .. } = store::read(&self.store).await?.state;
        let synonyms = synonyms.into_iter().map(|(id, synonym)| NamedSynonym { id, synonym }).collect();
        Ok(Json(Synonyms { revision, synonyms }))
    }

    /// Makes or replaces a synonym; searches go by it within two seconds.
    ///
    /// With `dry_run` nothing is changed, and the answer says what would change. The next load of the
    /// catalogue compiles it into the index, where it lasts until the load after it is deleted.
    #[oai(path = "/synonyms/:id", method = "put", operation_id = "put_synonym")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter")]
    async fn put_synonym(
        &self,
        pass: Pass,
        /// Its id, 1 to 64 characters of `A-Z a-z 0-9 - _`.
        id: Path<String>,
        synonym: Body<Synonym>,
        /// Only tell what would change.
        #[oai(default)]
        dry_run: Query<bool>,
        /// The revision that this was decided by; 409 if it is another now.
        revision: Query<Option<u64>>,
        /// A search to show the effect on; given several times, each. Without one, the synonym's
        /// own terms and the ten most popular searches that contain one of them and found something.
        #[oai(default, validator(max_items = 10))]
        query: Query<Vec<String>>,
        /// Who makes the change, for the record.
        #[oai(name = "X-Admin-Name")]
        by: Header<Option<String>>,
    ) -> Outcome {
        let to = Some(Entry::Synonym(synonym.0));
        let edit = Edit { kind: Subject::Synonym, id: id.0, to, undoes: None };
        self.change(&pass, Terms::of(dry_run.0, revision.0, query.0, by.0), edit).await
    }

    /// Deletes a synonym.
    #[oai(path = "/synonyms/:id", method = "delete", operation_id = "delete_synonym")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter")]
    async fn delete_synonym(
        &self,
        pass: Pass,
        /// Its id.
        id: Path<String>,
        /// Only tell what would change.
        #[oai(default)]
        dry_run: Query<bool>,
        /// The revision that this was decided by; 409 if it is another now.
        revision: Query<Option<u64>>,
        /// A search to show the effect on; given several times, each. Without one, as for making it.
        #[oai(default, validator(max_items = 10))]
        query: Query<Vec<String>>,
        /// Who makes the change, for the record.
        #[oai(name = "X-Admin-Name")]
        by: Header<Option<String>>,
    ) -> Outcome {
        let edit = Edit { kind: Subject::Synonym, id: id.0, to: None, undoes: None };
        self.change(&pass, Terms::of(dry_run.0, revision.0, query.0, by.0), edit).await
    }

    /// Lists the rules.
    #[oai(path = "/rules", method = "get", operation_id = "rules")]
    async fn rules(&self) -> Result<Json<Rules>, Failure> {
        let State { revision, rules, .. } = store::read(&self.store).await?.state;
        let rules = rules.into_iter().map(|(id, rule)| NamedRule { id, rule }).collect();
        Ok(Json(Rules { revision, rules }))
    }

    /// Makes or replaces a rule; searches go by it within two seconds.
    ///
    /// With `dry_run` nothing is changed, and the answer says what would change.
    #[oai(path = "/rules/:id", method = "put", operation_id = "put_rule")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter")]
    async fn put_rule(
        &self,
        pass: Pass,
        /// Its id, 1 to 64 characters of `A-Z a-z 0-9 - _`; rules are applied in the order of their ids.
        id: Path<String>,
        rule: Body<Rule>,
        /// Only tell what would change.
        #[oai(default)]
        dry_run: Query<bool>,
        /// The revision that this was decided by; 409 if it is another now.
        revision: Query<Option<u64>>,
        /// A search to show the effect on; given several times, each. Without one, the rule's own
        /// query and the ten most popular searches that contain it and found something.
        #[oai(default, validator(max_items = 10))]
        query: Query<Vec<String>>,
        /// Who makes the change, for the record.
        #[oai(name = "X-Admin-Name")]
        by: Header<Option<String>>,
    ) -> Outcome {
        let edit = Edit { kind: Subject::Rule, id: id.0, to: Some(Entry::Rule(rule.0)), undoes: None };
        self.change(&pass, Terms::of(dry_run.0, revision.0, query.0, by.0), edit).await
    }

    /// Deletes a rule.
    #[oai(path = "/rules/:id", method = "delete", operation_id = "delete_rule")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter")]
    async fn delete_rule(
        &self,
        pass: Pass,
        /// Its id.
        id: Path<String>,
        /// Only tell what would change.
        #[oai(default)]
        dry_run: Query<bool>,
        /// The revision that this was decided by; 409 if it is another now.
        revision: Query<Option<u64>>,
        /// A search to show the effect on; given several times, each. Without one, as for making it.
        #[oai(default, validator(max_items = 10))]
        query: Query<Vec<String>>,
        /// Who makes the change, for the record.
        #[oai(name = "X-Admin-Name")]
        by: Header<Option<String>>,
    ) -> Outcome {
        let edit = Edit { kind: Subject::Rule, id: id.0, to: None, undoes: None };
        self.change(&pass, Terms::of(dry_run.0, revision.0, query.0, by.0), edit).await
    }

    /// Lists the last changes of synonyms and rules: who, when, and what was before and after.
    #[oai(path = "/changes", method = "get", operation_id = "changes")]
    async fn changes(
        &self,
        /// Changes at most.
        #[oai(default = "size_default", validator(minimum(value = "1"), maximum(value = "1000")))]
        size: Query<u32>,
    ) -> Result<Json<Changes>, Failure> {
        let changes = store::last_changes(&self.store, size.0).await?;
        Ok(Json(Changes { changes: changes.into_iter().map(Recorded::from).collect() }))
    }

    /// Takes a change back, if nothing has changed the same since; which is a change again.
    #[oai(path = "/changes/:revision/undo", method = "post", operation_id = "undo_change")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter")]
    async fn undo(
        &self,
        pass: Pass,
        /// The revision that the change made.
        revision: Path<u64>,
        /// Only tell what would change.
        #[oai(default)]
        dry_run: Query<bool>,
        /// A search to show the effect on; given several times, each. Without one, as for making it.
        #[oai(default, validator(max_items = 10))]
        query: Query<Vec<String>>,
        /// Who makes the change, for the record.
        #[oai(name = "X-Admin-Name")]
        by: Header<Option<String>>,
    ) -> Outcome {
        self.guard.check(&pass)?;
        let change = store::changed(&self.store, revision.0).await?;
        let terms = Terms::of(dry_run.0, None, query.0, by.0);
        self.carry_out(&terms, |state| state.undo(&change)).await
    }
}

impl Api {
    async fn change(&self, pass: &Pass, terms: Terms, edit: Edit) -> Outcome {
        self.guard.check(pass)?;
        self.check_products(&edit).await?;
        self.carry_out(&terms, |_| Ok(edit.clone())).await
    }

    async fn carry_out(&self, terms: &Terms, edit: impl Fn(&State) -> Result<Edit, EditError>) -> Outcome {
        if !terms.dry_run {
            let state = store::change(&self.store, terms.known, &terms.by, edit).await?;
            return Ok(Json(Changed { revision: state.revision, dry_run: false, effects: Vec::new() }));
        }
        let before = store::read(&self.store).await?.state;
        let edit = edit(&before)?;
        let after = before.after(&edit, terms.known, &terms.by, Timestamp::now())?;
        let effects = preview::effects(&self.search, &edit, (&before, &after), &terms.queries).await?;
        Ok(Json(Changed { revision: after.revision, dry_run: true, effects }))
    }

    /// Refuses a rule about products that the catalogue does not have: a slip of the pen does nothing, quietly.
    async fn check_products(&self, edit: &Edit) -> Result<(), Refusal> {
        let Some(Entry::Rule(rule)) = &edit.to else { return Ok(()) };
        let ids: Vec<&str> = rule.products().map(String::as_str).collect();
        if ids.is_empty() || rule.check().is_err() {
            return Ok(());
        }
        let missing = self.search.without_product(&ids).await?;
        if missing.is_empty() {
            return Ok(());
        }
        Err(Refusal::bad(format!("the catalogue has no product {}", missing.join(", "))))
    }
}

impl Terms {
    fn of(dry_run: bool, known: Option<u64>, mut queries: Vec<String>, by: Option<String>) -> Self {
        queries.truncate(SEARCHES_MAX);
        let by: String = by.unwrap_or_default().trim().chars().take(BY_CHARS_MAX).collect();
        Self { dry_run, known, queries, by: if by.is_empty() { "admin".to_owned() } else { by } }
    }
}

fn size_default() -> u32 {
    50
}
