//! Visits that no person makes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::audit::recount::Expected;
use crate::audit::recount::sessions::sessions;
use crate::audit::recount::verdict::Verdict;
use crate::audit::recount::windows::Pane;
use crate::model::event::{Event, EventType};
use crate::model::ids::SessionId;
use crate::model::rules::{Rule, Rules};
use crate::model::time::{MINUTE_MS, Timestamp};
use crate::store::schema::Schema;

/// The verdicts on one minute's sessions.
pub fn documents(pane: &Pane, events: &[&Event]) -> Vec<Expected> {
    sessions(events).iter().flat_map(|(session, events)| of_session(pane, session, events)).collect()
}

/// The verdicts on one session.
pub fn of_session(pane: &Pane, session: &SessionId, events: &[&Event]) -> Vec<Expected> {
    let Some(who) = events.iter().min_by_key(|event| event.event_id) else { return Vec::new() };
    let visit = Visit::of(events);
    let rules = Rules::in_force();
    let blank = |rule: Rule| Verdict {
        rule,
        visitor: who.visitor(),
        user_id: who.user_id.as_ref(),
        session_id: Some(session),
        active: true,
        score: 0.0,
        count: 0,
        summary: String::new(),
        figures: json!({}),
        thresholds: json!({}),
    };
    let verdicts = [
        visit.speed(blank(Rule::BotVelocity), &rules),
        visit.rhythm(blank(Rule::BotRhythm), &rules),
        visit.crawl(blank(Rule::CatalogueCrawl), &rules),
        visit.flood(blank(Rule::SearchFlood), &rules),
        visit.hoard(blank(Rule::CartHoarding), &rules),
    ];
    let support = events.len() as u64;
    let document = |verdict: Verdict<'_>| {
        let id = format!("{}|{}|{}|{session}", verdict.rule.as_str(), pane.window.millis(), pane.partition);
        let body = verdict.body(pane, support, events);
        Expected::result(&Schema::FRAUD_SIGNALS, pane.window, id, support, &body)
    };
    verdicts.into_iter().flatten().map(document).collect()
}

/// What a visit consists of.
struct Visit<'a> {
    events: &'a [&'a Event],
    searches: u64,
    views: u64,
    carts: u64,
    purchases: u64,
}

impl<'a> Visit<'a> {
    fn of(events: &'a [&'a Event]) -> Self {
        let count = |kind| events.iter().filter(|event| event.event_type() == kind).count() as u64;
        Self {
            events,
            searches: count(EventType::Search),
            views: count(EventType::View),
            carts: count(EventType::AddToCart),
            purchases: count(EventType::Purchase),
        }
    }

    fn times(&self, kinds: &[EventType]) -> Vec<Timestamp> {
        let wanted = self.events.iter().filter(|event| kinds.contains(&event.event_type()));
        let mut times: Vec<Timestamp> = wanted.map(|event| event.timestamp).collect();
        times.sort_unstable();
        times
    }

    fn speed<'v>(&self, blank: Verdict<'v>, rules: &Rules) -> Option<Verdict<'v>> {
        let least = rules.bot_velocity.per_minute;
        let mut minutes: BTreeMap<Timestamp, u64> = BTreeMap::new();
        for at in self.times(&[EventType::Search, EventType::View]) {
            *minutes.entry(at.floor_to(MINUTE_MS)).or_default() += 1;
        }
        let peak = minutes.into_values().max().filter(|peak| *peak >= least)?;
        let Self { searches, views, carts, purchases, .. } = self;
        Some(Verdict {
            score: peak as f64 / least as f64,
            count: searches + views,
            summary: format!(
                "{peak} searches and views in one minute; in the whole visit {searches} searches, {views} views, \
                 {purchases} purchases"
            ),
            figures: json!({
                "peak_per_minute": peak, "searches": searches, "views": views, "add_to_carts": carts,
                "purchases": purchases,
            }),
            thresholds: json!({ "peak_per_minute": least }),
            ..blank
        })
    }

    fn rhythm<'v>(&self, blank: Verdict<'v>, rules: &Rules) -> Option<Verdict<'v>> {
        let rule = &rules.bot_rhythm;
        let times = self.times(&[EventType::Search, EventType::View, EventType::AddToCart]);
        let requests = Some(times.len() as u64).filter(|requests| *requests >= rule.requests)?;
        let mut gaps: Vec<i64> =
            times.iter().zip(times.iter().skip(1)).map(|(a, b)| b.millis() - a.millis()).collect();
        gaps.sort_unstable();
        let last = gaps.len().checked_sub(1)?;
        let at = |quarter: usize| gaps.get(last * quarter / 4).copied().unwrap_or_default();
        let dispersion = (at(3) - at(1)) as f64 / (at(3) + at(1)).max(1) as f64;
        let median = at(2);
        let haste = rule.hasty_gap_ms as f64 / median.max(1) as f64;
        let hasty = haste >= 1.0 && requests >= rule.hasty_requests;
        let evenness = rule.dispersion / dispersion.max(rule.dispersion / 10.0);
        let score = if hasty && haste > evenness { haste } else { evenness };
        Some(Verdict {
            active: hasty || (evenness >= 1.0 && self.purchases == 0),
            score: score.min(10.0),
            count: requests,
            summary: format!(
                "{requests} requests, half of them within {median} ms of the one before, with gaps that vary by \
                 {dispersion:.2} about their middle"
            ),
            figures: json!({
                "requests": requests, "dispersion": dispersion, "median_gap_ms": median, "purchases": self.purchases,
            }),
            thresholds: json!({
                "requests": rule.requests, "dispersion": rule.dispersion, "hasty_requests": rule.hasty_requests,
                "hasty_gap_ms": rule.hasty_gap_ms,
            }),
            ..blank
        })
    }

    fn crawl<'v>(&self, blank: Verdict<'v>, rules: &Rules) -> Option<Verdict<'v>> {
        let rule = &rules.catalogue_crawl;
        let views = self.events.iter().filter(|event| event.event_type() == EventType::View);
        let items = views.flat_map(|event| event.items()).filter(|item| item.attribution.is_none());
        let categories = items.map(|item| &item.category).collect::<BTreeSet<_>>().len() as u64;
        if categories < rule.categories {
            return None;
        }
        let Self { searches, views, carts, purchases, .. } = self;
        let breadth = categories as f64 / *views as f64;
        Some(Verdict {
            active: breadth >= rule.breadth && searches + carts + purchases == 0,
            score: categories as f64 / rule.categories as f64,
            count: *views,
            summary: format!(
                "{views} views in {categories} categories that no search led to, {searches} searches, {carts} \
                 cart additions, {purchases} purchases"
            ),
            figures: json!({
                "views": views, "categories": categories, "breadth": breadth, "searches": searches,
                "add_to_carts": carts, "purchases": purchases,
            }),
            thresholds: json!({ "categories": rule.categories, "breadth": rule.breadth }),
            ..blank
        })
    }

    fn flood<'v>(&self, blank: Verdict<'v>, rules: &Rules) -> Option<Verdict<'v>> {
        let rule = &rules.search_flood;
        let (searches, looks) = (self.searches, self.views + self.carts + self.purchases);
        (searches >= rule.searches).then(|| Verdict {
            active: looks as f64 <= rule.looks_per_search * searches as f64,
            score: searches as f64 / rule.searches as f64,
            count: searches,
            summary: format!("{searches} searches, and {looks} views, cart additions and purchases"),
            figures: json!({ "searches": searches, "looks": looks }),
            thresholds: json!({ "searches": rule.searches, "looks_per_search": rule.looks_per_search }),
            ..blank
        })
    }

    fn hoard<'v>(&self, blank: Verdict<'v>, rules: &Rules) -> Option<Verdict<'v>> {
        let least = rules.cart_hoarding.additions;
        let Self { carts, purchases, .. } = self;
        (*carts >= least).then(|| Verdict {
            active: *purchases == 0,
            score: *carts as f64 / least as f64,
            count: *carts,
            summary: format!("{carts} additions to a cart, {purchases} orders"),
            figures: json!({ "add_to_carts": carts, "purchases": purchases }),
            thresholds: json!({ "add_to_carts": least }),
            ..blank
        })
    }
}
