//! The shape of simulated traffic: how far sessions go, where clicks fall, how unequal products are, when
//! people come, and who they are. Measured from the events, as an analyst would.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use crate::model::event::{Action, Event, EventType, Item};
use crate::model::ids::ProductId;
use crate::traffic::assortment::RESULTS_KEPT;
use crate::traffic::persona::{Class, Persona};
use crate::traffic::session::Simulated;

/// Views that a product must have to count for the fit: below it its place is a matter of chance.
const VIEWS_MIN: u64 = 5;
/// Exponents between which the fit is looked for.
const EXPONENTS: (f64, f64) = (0.0, 5.0);

/// Counts events, one after the other, in any order.
#[derive(Debug, Default)]
pub struct Shape {
    events: BTreeMap<EventType, u64>,
    /// The event types that a session of a plain shopper has, one bit each.
    sessions: HashMap<String, u8>,
    clicks: [u64; RESULTS_KEPT],
    views: HashMap<ProductId, u64>,
    searches: u64,
    empty_searches: u64,
    refinements: u64,
    refunds: u64,
    hours: [u64; 24],
    personas: BTreeMap<Persona, Presence>,
    visitors: HashSet<String>,
    accounts: u64,
    fraudulent_accounts: u64,
}

/// Who was there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Presence {
    /// Accounts, and guests' browsers.
    pub visitors: u64,
    /// Their events.
    pub events: u64,
}

/// What was measured. All shares are 0.0 to 1.0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    /// Events by type.
    pub events: BTreeMap<EventType, u64>,
    /// How far plain shoppers' sessions go.
    pub funnel: Funnel,
    /// Share of plain shoppers' views out of a result list that fell on each position, from position 1.
    pub click_shares: Vec<f64>,
    /// Exponent of Zipf's law of the products by plain shoppers' views: the one that makes the counts of all
    /// products with at least five views likeliest (maximum likelihood over their places).
    pub zipf_exponent: f64,
    /// Products by plain shoppers' views, the most viewed first.
    pub product_views: Vec<u64>,
    /// Share of plain shoppers' searches that found nothing.
    pub zero_result_share: f64,
    /// Share of plain shoppers' searches that refine one before.
    pub refinement_share: f64,
    /// Events of honest people by hour of the day in UTC, from 0.
    pub hours: [u64; 24],
    /// Visitors and events by what they are up to.
    pub personas: BTreeMap<Persona, Presence>,
    /// The same by what that counts as.
    pub classes: BTreeMap<Class, Presence>,
    /// Share of all events that programs caused.
    pub bot_event_share: f64,
    /// Share of accounts that are after the shop's money.
    pub fraud_account_share: f64,
}

/// Plain shoppers' sessions by what happened in them; refunds are visits of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Funnel {
    /// With a search or a view.
    pub sessions: u64,
    /// With a search.
    pub searched: u64,
    /// With a view.
    pub viewed: u64,
    /// With something put into the cart.
    pub carted: u64,
    /// With an order.
    pub purchased: u64,
    /// Refunds, of orders of any session.
    pub refunds: u64,
}

impl Funnel {
    /// Share of sessions that go so far: search, view, cart, purchase.
    pub fn rates(&self) -> [f64; 4] {
        [self.searched, self.viewed, self.carted, self.purchased].map(|count| share(count, self.sessions))
    }

    /// Refunds per session with an order.
    pub fn refund_rate(&self) -> f64 {
        share(self.refunds, self.purchased)
    }
}

impl Shape {
    /// Counts one event.
    pub fn count(&mut self, simulated: &Simulated) {
        let Simulated { event, persona, .. } = simulated;
        *self.events.entry(event.event_type()).or_default() += 1;
        let presence = self.personas.entry(*persona).or_default();
        presence.events += 1;
        if !self.visitors.contains(event.visitor()) {
            self.visitors.insert(event.visitor().to_owned());
            presence.visitors += 1;
            self.accounts += u64::from(event.user_id.is_some());
            self.fraudulent_accounts += u64::from(event.user_id.is_some() && persona.class() == Class::Fraud);
        }
        if persona.class() == Class::Honest
            && let Some(hour) = self.hours.get_mut(usize::from(event.timestamp.hour_of_day()))
        {
            *hour += 1;
        }
        if *persona == Persona::Shopper {
            self.count_shopper(event);
        }
    }

    fn count_shopper(&mut self, event: &Event) {
        match self.sessions.get_mut(event.session_id.as_str()) {
            Some(types) => *types |= bit(event.event_type()),
            None => {
                self.sessions.insert(event.session_id.to_string(), bit(event.event_type()));
            }
        }
        match &event.action {
            Action::Search(search) => {
                self.searches += 1;
                self.empty_searches += u64::from(search.result_count == 0);
                self.refinements += u64::from(search.intent_id != search.query_id);
            }
            Action::View(touch) => self.count_view(&touch.item),
            Action::Refund(_) => self.refunds += 1,
            Action::AddToCart(_) | Action::Purchase(_) => {}
        }
    }

    fn count_view(&mut self, item: &Item) {
        *self.views.entry(item.product_id.clone()).or_default() += 1;
        let place = item.attribution.as_ref().map(|attribution| attribution.position.saturating_sub(1));
        if let Some(clicks) = place.and_then(|place| self.clicks.get_mut(place as usize)) {
            *clicks += 1;
        }
    }

    /// Sums up what was counted.
    pub fn measures(&self) -> Measures {
        let clicks: u64 = self.clicks.iter().sum();
        let mut product_views: Vec<u64> = self.views.values().copied().collect();
        product_views.sort_unstable_by(|a, b| b.cmp(a));
        let mut classes: BTreeMap<Class, Presence> = BTreeMap::new();
        for (persona, presence) in &self.personas {
            let class = classes.entry(persona.class()).or_default();
            class.visitors += presence.visitors;
            class.events += presence.events;
        }
        let bots = classes.get(&Class::Bot).map_or(0, |presence| presence.events);
        Measures {
            events: self.events.clone(),
            funnel: self.funnel(),
            click_shares: self.clicks.iter().map(|count| share(*count, clicks)).collect(),
            zipf_exponent: zipf_exponent(&product_views),
            product_views,
            zero_result_share: share(self.empty_searches, self.searches),
            refinement_share: share(self.refinements, self.searches),
            hours: self.hours,
            personas: self.personas.clone(),
            bot_event_share: share(bots, self.events.values().sum()),
            classes,
            fraud_account_share: share(self.fraudulent_accounts, self.accounts),
        }
    }
    fn funnel(&self) -> Funnel {
        let with = |types: &[EventType]| {
            let wanted = types.iter().map(|event_type| bit(*event_type)).fold(0, |all, bit| all | bit);
            self.sessions.values().filter(|types| **types & wanted != 0).count() as u64
        };
        Funnel {
            sessions: with(&[EventType::Search, EventType::View]),
            searched: with(&[EventType::Search]),
            viewed: with(&[EventType::View]),
            carted: with(&[EventType::AddToCart]),
            purchased: with(&[EventType::Purchase]),
            refunds: self.refunds,
        }
    }
}

impl Measures {
    /// Events of honest people in the quietest hour of the day, as a share of those in the busiest.
    pub fn quietest_to_busiest(&self) -> f64 {
        let (least, most) = (self.hours.iter().min(), self.hours.iter().max());
        share(least.copied().unwrap_or_default(), most.copied().unwrap_or_default())
    }
}

fn bit(event_type: EventType) -> u8 {
    1 << event_type as u8
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The exponent s that makes the counts (greatest first) likeliest when the place k has a probability
/// proportional to k^-s: where the mean logarithm of the place is the law's, which falls with s.
fn zipf_exponent(counts: &[u64]) -> f64 {
    let counts: Vec<f64> =
        counts.iter().take_while(|count| **count >= VIEWS_MIN).map(|count| *count as f64).collect();
    let logs: Vec<f64> = (1..=counts.len()).map(|place| (place as f64).ln()).collect();
    let mean = |weights: &mut dyn Iterator<Item = f64>| {
        let (sum, total) = weights
            .zip(&logs)
            .fold((0.0, 0.0), |(sum, total), (weight, log)| (sum + weight * log, total + weight));
        if total > 0.0 { sum / total } else { 0.0 }
    };
    let measured = mean(&mut counts.iter().copied());
    let (mut low, mut high) = EXPONENTS;
    // Forty halvings of 5: to a hundred thousand millionth.
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        let expected = mean(&mut logs.iter().map(|log| (-middle * log).exp()));
        if expected > measured { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_exponent_of_a_made_up_law_is_found(exponent in 0.3f64..2.5) {
            let counts: Vec<u64> = (1..=300).map(|place| (1e8 * f64::from(place).powf(-exponent)) as u64).collect();
            prop_assert!((zipf_exponent(&counts) - exponent).abs() < 0.01);
        }
    }

    #[test]
    fn nothing_counted_is_no_shape_and_no_panic() {
        let measures = Shape::default().measures();
        assert_eq!(measures.funnel.rates(), [0.0; 4]);
        assert_eq!(measures.quietest_to_busiest(), 0.0);
        assert!(serde_json::to_string(&measures).is_ok());
    }
}
