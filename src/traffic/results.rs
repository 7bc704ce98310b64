//! An answered search as a shopper has it before them.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::model::event::{Attribution, Item, Search};
use crate::model::ids::QueryId;
use crate::model::time::Timestamp;
use crate::traffic::assortment::{Need, Rank};
use crate::traffic::session::{Moment, Step};

/// Results on one page, as the API's default.
const PAGE_RESULTS: usize = 12;

/// What was asked.
pub struct Question {
    /// What was typed.
    pub text: String,
    /// What it is meant to find; `None` for what no shop has.
    pub need: Option<Need>,
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
    query: SmolStr,
    ranks: Vec<Rank>,
    /// Bit n: position n + 1 has been clicked.
    clicked: u32,
}

impl Results {
    /// Asks the assortment: the search to be done, and its results.
    pub fn of(question: Question, moment: &mut Moment<'_>) -> (Step, Self) {
        let found = question.need.as_ref().map(|need| moment.assortment.find(need));
        let (result_count, ranks) = found.map_or((0, Vec::new()), |found| (found.count, found.ranks));
        let query_id = moment.ids.query();
        let intent_id = question.intent_id.unwrap_or_else(|| query_id.clone());
        let query = SmolStr::from(question.text);
        let product_id = |rank: &Rank| moment.assortment.product(*rank).map(|product| product.id.clone());
        let search = Search {
            query_id: query_id.clone(),
            intent_id: intent_id.clone(),
            query: query.clone(),
            filters: question.filters,
            result_count,
            result_ids: ranks.iter().take(PAGE_RESULTS).filter_map(product_id).collect(),
        };
        (Step::Search(search), Self { query_id, intent_id, query, ranks, clicked: 0 })
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.ranks.is_empty()
    }

    /// The result at a position from 1, with the attribution that it will carry from here on.
    pub fn at(&self, position: usize, searched_at: Timestamp, moment: &Moment<'_>) -> Option<(Rank, Item)> {
        let rank = *self.ranks.get(position.checked_sub(1)?)?;
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
        self.ranks.iter().position(|other| *other == rank).map(|at| at + 1)
    }

    /// A position that catches the eye and has not been clicked yet; `None` when nothing new does.
    pub fn eye_catcher(&mut self, moment: &mut Moment<'_>) -> Option<usize> {
        let at = moment.assortment.glance(self.ranks.len(), moment.chance)?;
        let bit = 1_u32.checked_shl(u32::try_from(at).ok()?)?;
        let is_new = self.clicked & bit == 0;
        self.clicked |= bit;
        is_new.then_some(at + 1)
    }
}
