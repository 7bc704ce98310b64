//! An answered search as a shopper has it before them.

use std::collections::BTreeMap;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::model::event::{Attribution, Item, Search};
use crate::model::ids::QueryId;
use crate::model::time::Timestamp;
use crate::traffic::assortment::{Answer, Rank};
use crate::traffic::session::{Moment, Step};

/// What was asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// What was typed.
    pub text: SmolStr,
    /// The filters that were set.
    pub filters: BTreeMap<SmolStr, SmolStr>,
    /// The first search of the chain, when this refines one.
    pub intent_id: Option<QueryId>,
}

/// An answered search.
pub struct Results {
    /// The answer's id.
    query_id: QueryId,
    /// The first search of its chain.
    pub intent_id: QueryId,
    /// What was typed.
    pub query: SmolStr,
    answer: Arc<Answer>,
    /// Bit n: position n + 1 has been clicked.
    clicked: u32,
}

impl Question {
    /// A text without filters that begins a chain.
    pub fn new(text: SmolStr) -> Self {
        Self { text, ..Self::default() }
    }
}

impl Results {
    /// Asks the assortment: the search to be done, and its results.
    pub fn of(question: Question, moment: &mut Moment<'_>) -> (Step, Self) {
        let Question { text, filters, intent_id } = question;
        let answer = moment.assortment.find(&text, &filters);
        let query_id = moment.ids.query();
        let intent_id = intent_id.unwrap_or_else(|| query_id.clone());
        let search = Search {
            query_id: query_id.clone(),
            intent_id: intent_id.clone(),
            query: text.clone(),
            filters,
            result_count: answer.count,
            result_ids: answer.ids.clone(),
        };
        (Step::Search(search), Self { query_id, intent_id, query: text, answer, clicked: 0 })
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.answer.ranks.is_empty()
    }

    /// The result at a position from 1, with the attribution that it will carry from here on.
    pub fn at(&self, position: usize, searched_at: Timestamp, moment: &Moment<'_>) -> Option<(Rank, Item)> {
        let rank = *self.answer.ranks.get(position.checked_sub(1)?)?;
        let attribution = Attribution {
            query_id: self.query_id.clone(),
            intent_id: self.intent_id.clone(),
            query: self.query.clone(),
            searched_at,
            position: u32::try_from(position).ok()?,
        };
        moment.assortment.item(rank, Some(attribution)).map(|item| (rank, item))
    }

    /// Where this product stands, from 1.
    pub fn position_of(&self, rank: Rank) -> Option<usize> {
        self.answer.ranks.iter().position(|other| *other == rank).map(|at| at + 1)
    }

    /// A position that catches the eye and has not been clicked yet; `None` when nothing new does.
    pub fn eye_catcher(&mut self, moment: &mut Moment<'_>) -> Option<usize> {
        let at = moment.assortment.glance(self.answer.ranks.len(), moment.chance)?;
        self.mark(at).then_some(at + 1)
    }

    /// Where this product stands, from 1, if it has not been clicked yet.
    pub fn recognised(&mut self, rank: Rank) -> Option<usize> {
        let position = self.position_of(rank)?;
        self.mark(position - 1).then_some(position)
    }

    /// Notes a click, and tells whether it is the first one there.
    fn mark(&mut self, at: usize) -> bool {
        let Some(bit) = u32::try_from(at).ok().and_then(|at| 1_u32.checked_shl(at)) else { return false };
        let is_new = self.clicked & bit == 0;
        self.clicked |= bit;
        is_new
    }
}
