//! Visits: those that are too fast, too even, too broad, or full of searches or things in a cart, and for nothing.

use serde_json::{Value, json};

use crate::model::event::{Action, Event, EventType};
use crate::model::severity::Severity;
use crate::model::time::{DAY_MS, MINUTE_MS};
use crate::stream::sim::naive::{Expected, Place, by_session, distinct, evidence, first_seen, last_seen};

pub fn documents(events: &[&Event], place: Place) -> Vec<Expected> {
    by_session(events).into_iter().flat_map(|(session, own)| of_session(&own, place, session)).collect()
}

/// What the rules find about a session, whether it holds or not.
pub fn verdicts(own: &[&Event]) -> Vec<Value> {
    let visit = Visit { events: own };
    let all = [speed(&visit), rhythm(&visit), crawl(&visit), flood(&visit), hoard(&visit)];
    all.into_iter().flatten().collect()
}

fn of_session(own: &[&Event], place: Place, session: &str) -> Vec<Expected> {
    let expected = |verdict: Value| Expected {
        index: format!("fraud-signals-{}", place.start.month()),
        id: format!(
            "{}|{}|{}|{session}",
            verdict["rule"].as_str().unwrap(),
            place.start.millis(),
            place.partition
        ),
        version: own.len() as u64,
        body: signal(own, place, session, verdict),
    };
    verdicts(own).into_iter().map(expected).collect()
}

fn signal(own: &[&Event], place: Place, session: &str, verdict: Value) -> Value {
    let first = own.iter().min_by_key(|event| event.event_id).unwrap();
    let mut body = verdict;
    body["rule_version"] = json!(1);
    body["severity"] = json!(Severity::of_score(body["score"].as_f64().unwrap()));
    body["visitor"] = json!(first.visitor());
    body["session_id"] = json!(session);
    body["day"] = json!(place.start.floor_to(DAY_MS));
    body["partition"] = json!(place.partition);
    body["support"] = json!(own.len());
    body["first_seen"] = json!(first_seen(own));
    body["last_seen"] = json!(last_seen(own));
    body["event_ids"] = json!(evidence(own));
    if let Some(user_id) = &first.user_id {
        body["user_id"] = json!(user_id);
    }
    body
}

struct Visit<'a> {
    events: &'a [&'a Event],
}

impl Visit<'_> {
    fn count(&self, kind: EventType) -> usize {
        self.events.iter().filter(|event| event.event_type() == kind).count()
    }

    /// Searches, views, cart additions, purchases.
    fn counts(&self) -> [usize; 4] {
        [EventType::Search, EventType::View, EventType::AddToCart, EventType::Purchase]
            .map(|kind| self.count(kind))
    }
}

fn speed(visit: &Visit<'_>) -> Option<Value> {
    let fast = || {
        let all = visit.events.iter();
        all.filter(|event| matches!(event.event_type(), EventType::Search | EventType::View))
    };
    let minutes = distinct(fast().map(|event| event.timestamp.floor_to(MINUTE_MS)));
    let within = |minute| fast().filter(|event| event.timestamp.floor_to(MINUTE_MS) == minute).count();
    let peak = minutes.into_iter().map(within).max().filter(|peak| *peak >= 30)?;
    let [searches, views, carts, purchases] = visit.counts();
    Some(json!({
        "rule": "bot_velocity", "active": true, "score": peak as f64 / 30.0, "count": searches + views,
        "summary": format!(
            "{peak} searches and views in one minute; in the whole visit {searches} searches, {views} views, {purchases} purchases"
        ),
        "figures": { "peak_per_minute": peak, "searches": searches, "views": views, "add_to_carts": carts, "purchases": purchases },
        "thresholds": { "peak_per_minute": 30 },
    }))
}

fn rhythm(visit: &Visit<'_>) -> Option<Value> {
    let [searches, views, carts, purchases] = visit.counts();
    let requests = Some(searches + views + carts).filter(|requests| *requests >= 30)?;
    let is_request = |event: &&&Event| !matches!(event.event_type(), EventType::Purchase | EventType::Refund);
    let mut times: Vec<i64> =
        visit.events.iter().filter(is_request).map(|event| event.timestamp.millis()).collect();
    times.sort_unstable();
    let mut gaps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    let [first, median, third] = [1, 2, 3].map(|quarters| gaps[(gaps.len() - 1) * quarters / 4]);
    let dispersion = (third - first) as f64 / (third + first).max(1) as f64;
    let hasty = requests >= 60 && median <= 2_500;
    let even = 0.27 / dispersion.max(0.27 / 10.0);
    let score = if hasty { even.max(2_500.0 / median.max(1) as f64) } else { even };
    Some(json!({
        "rule": "bot_rhythm", "active": hasty || dispersion <= 0.27 && purchases == 0, "score": score.min(10.0),
        "count": requests,
        "summary": format!(
            "{requests} requests, half of them within {median} ms of the one before, with gaps that vary by {dispersion:.2} \
             about their middle"
        ),
        "figures": { "requests": requests, "dispersion": dispersion, "median_gap_ms": median, "purchases": purchases },
        "thresholds": { "requests": 30, "dispersion": 0.27, "hasty_requests": 60, "hasty_gap_ms": 2_500 },
    }))
}

fn crawl(visit: &Visit<'_>) -> Option<Value> {
    let unled = visit.events.iter().filter_map(|event| match &event.action {
        Action::View(touch) if touch.item.attribution.is_none() => Some(touch.item.category.as_str()),
        _ => None,
    });
    let categories = Some(distinct(unled).len()).filter(|categories| *categories >= 4)?;
    let [searches, views, carts, purchases] = visit.counts();
    let breadth = categories as f64 / views as f64;
    Some(json!({
        "rule": "catalogue_crawl", "active": searches == 0 && carts == 0 && purchases == 0 && breadth >= 0.5,
        "score": categories as f64 / 4.0, "count": views,
        "summary": format!(
            "{views} views in {categories} categories that no search led to, {searches} searches, {carts} cart additions, \
             {purchases} purchases"
        ),
        "figures": {
            "views": views, "categories": categories, "breadth": breadth, "searches": searches, "add_to_carts": carts,
            "purchases": purchases,
        },
        "thresholds": { "categories": 4, "breadth": 0.5 },
    }))
}

fn flood(visit: &Visit<'_>) -> Option<Value> {
    let [searches, views, carts, purchases] = visit.counts();
    let looks = views + carts + purchases;
    (searches >= 20).then(|| {
        json!({
            "rule": "search_flood", "active": looks as f64 <= 0.1 * searches as f64, "score": searches as f64 / 20.0,
            "count": searches,
            "summary": format!("{searches} searches, and {looks} views, cart additions and purchases"),
            "figures": { "searches": searches, "looks": looks },
            "thresholds": { "searches": 20, "looks_per_search": 0.1 },
        })
    })
}

fn hoard(visit: &Visit<'_>) -> Option<Value> {
    let [_, _, carts, purchases] = visit.counts();
    (carts >= 10).then(|| {
        json!({
            "rule": "cart_hoarding", "active": purchases == 0, "score": carts as f64 / 10.0, "count": carts,
            "summary": format!("{carts} additions to a cart, {purchases} orders"),
            "figures": { "add_to_carts": carts, "purchases": purchases },
            "thresholds": { "add_to_carts": 10 },
        })
    })
}
