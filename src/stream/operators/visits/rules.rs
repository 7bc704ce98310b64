//! The rules on visits: pure functions from a visit to findings.
//!
//! Only speed is a verdict that further events can but strengthen. The others are written, `active` or not, from
//! evidence on that can only grow: what is withdrawn must not stay behind.

use serde_json::json;

use crate::model::ids::SessionId;
use crate::model::rules::{Rule, Rules};
use crate::stream::documents::Documents;
use crate::stream::fold::Pane;
use crate::stream::operators::signal::{Evidence, Finding, Subject};
use crate::stream::operators::visits::figures::{Rhythm, Seen};
use crate::stream::operators::visits::visit::{Visit, Visitor};

/// The greatest score of a rhythm: a metronome's would have no bound.
const RHYTHM_SCORE_MAX: f64 = 10.0;

/// Whether any rule may have something to say: most visits are short, and need not be looked at.
fn is_worth_a_look(visit: &Visit, seen: &Seen, rules: &Rules) -> bool {
    seen.searches + seen.views >= rules.bot_velocity.per_minute
        || seen.requests() >= rules.bot_rhythm.requests
        || seen.searches >= rules.search_flood.searches
        || seen.carts >= rules.cart_hoarding.additions
        || seen.views >= rules.catalogue_crawl.categories
            && visit.categories() >= rules.catalogue_crawl.categories
}

/// Writes what there is to say of a visit whose steps are in order, and gives whether there is anything; nothing of
/// nearly all.
pub fn judge(visit: &Visit, session: &SessionId, pane: &Pane, rules: &Rules, out: &mut Documents) -> bool {
    let seen = visit.seen();
    if !is_worth_a_look(visit, &seen, rules) {
        return false;
    }
    let evidence = visit.evidence();
    let visitor = visit.visitor();
    let subject = Subject {
        visitor: visitor.map(Visitor::key).unwrap_or_default(),
        user_id: visitor.and_then(Visitor::user_id),
        session_id: Some(session),
        support: visit.len().into(),
    };
    let findings = [
        bot_velocity(visit, &seen, &evidence, rules),
        bot_rhythm(visit, &seen, &evidence, rules),
        catalogue_crawl(visit, &seen, &evidence, rules),
        search_flood(&seen, &evidence, rules),
        cart_hoarding(&seen, &evidence, rules),
    ];
    let before = out.len();
    findings.into_iter().flatten().for_each(|finding| finding.write(&subject, pane, rules, out));
    out.len() > before
}

/// Faster than anybody reads.
fn bot_velocity<'a>(
    visit: &Visit,
    seen: &Seen,
    evidence: &'a Evidence,
    rules: &Rules,
) -> Option<Finding<'a>> {
    let least = rules.bot_velocity.per_minute;
    let peak = Some(visit.peak_per_minute()).filter(|peak| *peak >= least)?;
    let Seen { searches, views, carts, purchases } = seen;
    Some(Finding {
        rule: Rule::BotVelocity,
        active: true,
        count: searches + views,
        score: peak as f64 / least as f64,
        summary: format!(
            "{peak} searches and views in one minute; in the whole visit {searches} searches, {views} views, \
             {purchases} purchases"
        ),
        figures: json!({
            "peak_per_minute": peak, "searches": searches, "views": views,
            "add_to_carts": carts, "purchases": purchases,
        }),
        thresholds: json!({ "peak_per_minute": least }),
        evidence,
    })
}

/// Too even, or too hasty for too long.
fn bot_rhythm<'a>(visit: &Visit, seen: &Seen, evidence: &'a Evidence, rules: &Rules) -> Option<Finding<'a>> {
    let rule = &rules.bot_rhythm;
    let requests = Some(seen.requests()).filter(|requests| *requests >= rule.requests)?;
    let Rhythm { dispersion, median_ms } = visit.rhythm()?;
    let evenness = rule.dispersion / dispersion.max(rule.dispersion / RHYTHM_SCORE_MAX);
    let haste = rule.hasty_gap_ms as f64 / median_ms.max(1) as f64;
    let is_hasty = requests >= rule.hasty_requests && haste >= 1.0;
    let score = if is_hasty { evenness.max(haste) } else { evenness };
    Some(Finding {
        rule: Rule::BotRhythm,
        active: is_hasty || evenness >= 1.0 && seen.purchases == 0,
        count: requests,
        score: score.min(RHYTHM_SCORE_MAX),
        summary: format!(
            "{requests} requests, half of them within {median_ms} ms of the one before, with gaps that vary by \
             {dispersion:.2} about their middle"
        ),
        figures: json!({
            "requests": requests, "dispersion": dispersion, "median_gap_ms": median_ms, "purchases": seen.purchases,
        }),
        thresholds: json!({
            "requests": rule.requests, "dispersion": rule.dispersion,
            "hasty_requests": rule.hasty_requests, "hasty_gap_ms": rule.hasty_gap_ms,
        }),
        evidence,
    })
}

/// From one kind of thing to the next, with no search and for nothing.
fn catalogue_crawl<'a>(
    visit: &Visit,
    seen: &Seen,
    evidence: &'a Evidence,
    rules: &Rules,
) -> Option<Finding<'a>> {
    let rule = &rules.catalogue_crawl;
    let categories = Some(visit.categories()).filter(|categories| *categories >= rule.categories)?;
    let Seen { searches, views, carts, purchases } = seen;
    let breadth = categories as f64 / *views as f64;
    Some(Finding {
        rule: Rule::CatalogueCrawl,
        active: searches + carts + purchases == 0 && breadth >= rule.breadth,
        count: *views,
        score: categories as f64 / rule.categories as f64,
        summary: format!(
            "{views} views in {categories} categories that no search led to, {searches} searches, {carts} cart \
             additions, {purchases} purchases"
        ),
        figures: json!({
            "views": views, "categories": categories, "breadth": breadth, "searches": searches,
            "add_to_carts": carts, "purchases": purchases,
        }),
        thresholds: json!({ "categories": rule.categories, "breadth": rule.breadth }),
        evidence,
    })
}

/// Searches whose results nobody looks at.
fn search_flood<'a>(seen: &Seen, evidence: &'a Evidence, rules: &Rules) -> Option<Finding<'a>> {
    let rule = &rules.search_flood;
    let searches = Some(seen.searches).filter(|searches| *searches >= rule.searches)?;
    let looks = seen.views + seen.carts + seen.purchases;
    Some(Finding {
        rule: Rule::SearchFlood,
        active: looks as f64 <= rule.looks_per_search * searches as f64,
        count: searches,
        score: searches as f64 / rule.searches as f64,
        summary: format!("{searches} searches, and {looks} views, cart additions and purchases"),
        figures: json!({ "searches": searches, "looks": looks }),
        thresholds: json!({ "searches": rule.searches, "looks_per_search": rule.looks_per_search }),
        evidence,
    })
}

/// A full cart that nobody orders.
fn cart_hoarding<'a>(seen: &Seen, evidence: &'a Evidence, rules: &Rules) -> Option<Finding<'a>> {
    let least = rules.cart_hoarding.additions;
    let additions = Some(seen.carts).filter(|additions| *additions >= least)?;
    Some(Finding {
        rule: Rule::CartHoarding,
        active: seen.purchases == 0,
        count: additions,
        score: additions as f64 / least as f64,
        summary: format!("{additions} additions to a cart, {} orders", seen.purchases),
        figures: json!({ "add_to_carts": additions, "purchases": seen.purchases }),
        thresholds: json!({ "add_to_carts": least }),
        evidence,
    })
}
