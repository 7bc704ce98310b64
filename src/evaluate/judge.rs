//! Signals held against the ground truth: pure.
//!
//! What counts is the visitor: an account, or a guest's browser. A culprit counts from the first act that gives
//! them away; who was stopped by the run's end before any is reported, but nobody could have found them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::rate::Rate;
use crate::model::rules::{Quarry, Rule};
use crate::model::time::Timestamp;
use crate::traffic::{Class, Label, Persona};

/// A case that a rule made of a visitor and that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Flag {
    /// The record key.
    pub visitor: String,
    /// The rule.
    pub rule: Rule,
    /// The last event of the case when it was first told; `None` where that is not known.
    pub decided_at: Option<Timestamp>,
}

/// How good the signals are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Of the rules on fraud.
    pub fraud: Score,
    /// Of the rules on programs.
    pub bots: Score,
    /// Honest look-alikes that any rule flags.
    pub look_alikes: Rate,
    /// By kind of culprit.
    pub kinds: BTreeMap<Persona, Kind>,
    /// By rule.
    pub rules: BTreeMap<Rule, Judged>,
    /// By kind of honest people: those whom any rule flags. Of plain shoppers only these are counted.
    pub honest: BTreeMap<Persona, Honest>,
}

/// Precision, recall, and both in one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// Culprits among those who are flagged.
    pub precision: Rate,
    /// Flagged ones among the culprits who gave themselves away.
    pub recall: Rate,
    /// Harmonic mean of the two; `None` where either is of nothing, or both are 0.
    pub f1: Option<f64>,
}

impl Score {
    fn new(precision: Rate, recall: Rate) -> Self {
        let both = precision.value.zip(recall.value).filter(|(precision, recall)| precision + recall > 0.0);
        let f1 = both.map(|(precision, recall)| 2.0 * precision * recall / (precision + recall));
        Self { precision, recall, f1 }
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// The kinds that it is meant for, set down beforehand: a rule that finds nobody has missed them all the same. Empty
    /// where the generator plays none, and then there is no recall, F1 or delay.
    pub meant_for: &'static [Persona],
    /// Precision: those of the class that it is after, of whichever kind, among those whom it flags. Recall: those
    /// whom this very rule flags among those of [`Judged::meant_for`] who gave themselves away.
    #[serde(flatten)]
    pub score: Score,
    /// Of those whom recall counts as found, from the first act that gives away to the event at which this rule decided.
    pub delay: Delay,
}

/// A kind of culprit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kind {
    /// All of them, also those who did nothing yet.
    pub all: u64,
    /// Precision: those of this kind's class among those whom the rules flag that are meant for this kind; a flag names
    /// a rule and not a kind, so kinds that share rules share its mistakes. Recall: those whom any rule on its class flags
    /// among those of the kind who gave themselves away.
    #[serde(flatten)]
    pub score: Score,
    /// Who found them; one may be found by several.
    pub by_rule: BTreeMap<Rule, u64>,
    /// From the first act that gives away to the event that decided, by the events' time.
    pub delay: Delay,
}

/// A distribution of times, in seconds; below 0 where the rule was quicker than the label. `None` of nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Delay {
    /// The middle one.
    pub p50_s: Option<f64>,
    /// All but a twentieth are at most that.
    pub p95_s: Option<f64>,
}

/// A kind of honest people.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Honest {
    /// Flagged ones of all; of plain shoppers, who have no labels, of none.
    pub flagged: Rate,
    /// By rule.
    pub by_rule: BTreeMap<Rule, u64>,
}

/// What the labels say of one visitor.
#[derive(Debug, Clone, Copy)]
struct Truth {
    kind: Persona,
    gave_away: Option<Timestamp>,
}

/// Holds flags against labels.
pub fn judge(labels: impl IntoIterator<Item = Label>, flags: &[Flag]) -> Evaluation {
    let truth = truth(labels);
    let mut found: BTreeMap<&str, BTreeMap<Rule, Option<Timestamp>>> = BTreeMap::new();
    for flag in flags {
        let decided = found.entry(&flag.visitor).or_default().entry(flag.rule).or_insert(flag.decided_at);
        *decided = [*decided, flag.decided_at].into_iter().flatten().min();
    }
    let cases = Cases { truth, found };
    let look_alikes = |kind: &Persona| kind.class() == Class::Honest && *kind != Persona::Shopper;
    let honest: BTreeMap<Persona, Honest> =
        cases.kinds(Class::Honest).map(|kind| (kind, cases.honest(kind))).collect();
    let alike = honest.iter().filter(|(kind, _)| look_alikes(kind)).map(|(_, one)| one.flagged);
    let (flagged, of) = alike.fold((0, 0), |sum, rate| (sum.0 + rate.count, sum.1 + rate.of));
    Evaluation {
        fraud: cases.score(Quarry::Fraud),
        bots: cases.score(Quarry::Bot),
        look_alikes: Rate::new(flagged, of),
        kinds: [Class::Fraud, Class::Bot]
            .into_iter()
            .flat_map(|class| cases.kinds(class))
            .map(|kind| (kind, cases.kind(kind)))
            .collect(),
        rules: Rule::ALL.into_iter().map(|rule| (rule, cases.rule(rule))).collect(),
        honest,
    }
}

fn truth(labels: impl IntoIterator<Item = Label>) -> BTreeMap<String, Truth> {
    let mut truth: BTreeMap<String, Truth> = BTreeMap::new();
    for label in labels {
        let visitor = label.user_id.map_or_else(|| label.client_id.into(), String::from);
        let known = truth.entry(visitor).or_insert(Truth { kind: label.kind, gave_away: None });
        if !label.first || label.why != label.kind.describe() {
            let earliest = [known.gave_away, Some(label.at)].into_iter().flatten().min();
            known.gave_away = earliest;
        }
    }
    truth
}

struct Cases<'a> {
    truth: BTreeMap<String, Truth>,
    found: BTreeMap<&'a str, BTreeMap<Rule, Option<Timestamp>>>,
}

impl Cases<'_> {
    fn kinds(&self, class: Class) -> impl Iterator<Item = Persona> + use<'_> {
        let there: BTreeSet<Persona> =
            self.truth.values().map(|truth| truth.kind).chain([Persona::Shopper]).collect();
        Persona::ALL.into_iter().filter(move |kind| kind.class() == class && there.contains(kind))
    }

    fn kind_of(&self, visitor: &str) -> Persona {
        self.truth.get(visitor).map_or(Persona::Shopper, |truth| truth.kind)
    }

    fn of_kind(&self, kind: Persona) -> impl Iterator<Item = (&str, Truth)> {
        let all = self.truth.iter().map(|(visitor, truth)| (visitor.as_str(), *truth));
        all.filter(move |(_, truth)| truth.kind == kind)
    }

    /// The rules of a quarry that flag a visitor.
    fn rules_on(&self, visitor: &str, quarry: Quarry) -> impl Iterator<Item = (Rule, Option<Timestamp>)> {
        let rules = self.found.get(visitor).into_iter().flatten().map(|(rule, at)| (*rule, *at));
        rules.filter(move |(rule, _)| rule.quarry() == quarry)
    }

    fn score(&self, quarry: Quarry) -> Score {
        let class = class_of(quarry);
        let flagged: Vec<&str> =
            self.found.keys().copied().filter(|one| self.rules_on(one, quarry).next().is_some()).collect();
        let rightly = flagged.iter().filter(|one| self.kind_of(one).class() == class).count();
        let precision = Rate::new(rightly as u64, flagged.len() as u64);
        let kinds = self.kinds(class).map(|kind| self.kind(kind).score.recall);
        let (found, of) = kinds.fold((0, 0), |sum, rate| (sum.0 + rate.count, sum.1 + rate.of));
        let recall = Rate::new(found, of);
        Score::new(precision, recall)
    }

    fn kind(&self, kind: Persona) -> Kind {
        let quarry = if kind.class() == Class::Bot { Quarry::Bot } else { Quarry::Fraud };
        let (mut all, mut gave_away, mut found) = (0, 0, 0);
        let (mut by_rule, mut delays) = (BTreeMap::new(), Vec::new());
        for (visitor, truth) in self.of_kind(kind) {
            all += 1;
            let Some(gave_away_at) = truth.gave_away else { continue };
            gave_away += 1;
            let rules: Vec<_> = self.rules_on(visitor, quarry).collect();
            found += u64::from(!rules.is_empty());
            let decided_at = rules.iter().filter_map(|(_, at)| *at).min();
            delays.extend(decided_at.map(|at| (at - gave_away_at).num_milliseconds()));
            rules.iter().for_each(|(rule, _)| *by_rule.entry(*rule).or_default() += 1);
        }
        let precision = self.precision(kind.class(), |rule| meant_for(rule).contains(&kind));
        let score = Score::new(precision, Rate::new(found, gave_away));
        Kind { all, score, by_rule, delay: Delay::of(delays) }
    }

    fn rule(&self, rule: Rule) -> Judged {
        let meant_for = meant_for(rule);
        let (mut gave_away, mut found, mut delays) = (0, 0, Vec::new());
        for (visitor, truth) in meant_for.iter().flat_map(|kind| self.of_kind(*kind)) {
            let Some(gave_away_at) = truth.gave_away else { continue };
            gave_away += 1;
            let Some(decided_at) = self.found.get(visitor).and_then(|rules| rules.get(&rule)) else {
                continue;
            };
            found += 1;
            delays.extend(decided_at.map(|at| (at - gave_away_at).num_milliseconds()));
        }
        let precision = self.precision(class_of(rule.quarry()), |one| one == rule);
        let score = Score::new(precision, Rate::new(found, gave_away));
        Judged { meant_for, score, delay: Delay::of(delays) }
    }

    /// How many of those whom some of the rules flag are of a class.
    fn precision(&self, class: Class, is_one: impl Fn(Rule) -> bool) -> Rate {
        let flagged = self.found.iter().filter(|(_, rules)| rules.keys().any(|rule| is_one(*rule)));
        let visitors: Vec<&str> = flagged.map(|(visitor, _)| *visitor).collect();
        let rightly = visitors.iter().filter(|visitor| self.kind_of(visitor).class() == class).count();
        Rate::new(rightly as u64, visitors.len() as u64)
    }

    fn honest(&self, kind: Persona) -> Honest {
        let mut by_rule = BTreeMap::new();
        let flagged = self.found.iter().filter(|(visitor, _)| self.kind_of(visitor) == kind);
        let mut count = 0;
        for (_, rules) in flagged {
            count += 1;
            rules.keys().for_each(|rule| *by_rule.entry(*rule).or_default() += 1);
        }
        let of = if kind == Persona::Shopper { 0 } else { self.of_kind(kind).count() as u64 };
        Honest { flagged: Rate::new(count, of), by_rule }
    }
}

/// The kinds of culprits that a rule is meant to find; none where the generator plays nobody who does that.
fn meant_for(rule: Rule) -> &'static [Persona] {
    match rule {
        Rule::RefundLoop => &[Persona::RefundLoop],
        Rule::FastRefund => &[Persona::FastRefund],
        Rule::AbnormalRefundRate => &[Persona::RefundRate],
        Rule::ExcessRefund => &[Persona::ExcessRefund],
        Rule::RefundWithoutPurchase => &[Persona::PhantomRefund],
        Rule::PurchaseVelocity => &[],
        Rule::BotVelocity => &[Persona::PriceScraper, Persona::SearchFlood],
        // Any program's pace may give it away.
        Rule::BotRhythm => {
            &[Persona::PriceScraper, Persona::SearchFlood, Persona::SlowCrawler, Persona::CartHoarder]
        }
        Rule::CatalogueCrawl => &[Persona::SlowCrawler],
        Rule::SearchFlood => &[Persona::SearchFlood],
        Rule::CartHoarding => &[Persona::CartHoarder],
    }
}

fn class_of(quarry: Quarry) -> Class {
    match quarry {
        Quarry::Fraud => Class::Fraud,
        Quarry::Bot => Class::Bot,
    }
}

impl Delay {
    fn of(mut delays_ms: Vec<i64>) -> Self {
        delays_ms.sort_unstable();
        let quantile = |percent: usize| {
            let last = delays_ms.len().checked_sub(1)?;
            delays_ms.get(last * percent / 100).map(|ms| *ms as f64 / 1_000.0)
        };
        Self { p50_s: quantile(50), p95_s: quantile(95) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::tests::{at, event_id};
    use crate::model::ids::{ClientId, UserId};

    fn label(user: &str, kind: Persona, ms: i64, why: Option<&str>) -> Label {
        Label {
            user_id: Some(UserId::parse(user).unwrap()),
            client_id: ClientId::parse("c").unwrap(),
            class: kind.class(),
            kind,
            event_id: event_id(at(ms), 0),
            at: at(ms),
            first: why.is_none(),
            why: why.unwrap_or(kind.describe()).to_owned(),
        }
    }

    fn flag(visitor: &str, rule: Rule, ms: i64) -> Flag {
        Flag { visitor: visitor.to_owned(), rule, decided_at: Some(at(ms)) }
    }

    #[test]
    fn who_is_found_missed_and_wronged_is_counted_by_kind_and_rule() {
        let labels = [
            label("found", Persona::FastRefund, 0, None),
            label("found", Persona::FastRefund, 10_000, Some("refund")),
            label("missed", Persona::FastRefund, 0, Some("refund")),
            label("idle", Persona::FastRefund, 0, None),
            label("buyer", Persona::CorporateBuyer, 0, None),
            label("returner", Persona::SerialReturner, 0, None),
        ];
        let flags = [
            flag("found", Rule::FastRefund, 12_000),
            flag("found", Rule::RefundLoop, 15_000),
            flag("buyer", Rule::PurchaseVelocity, 1),
            flag("plain", Rule::FastRefund, 1),
            flag("found", Rule::BotRhythm, 1),
        ];
        let evaluation = judge(labels, &flags);
        assert_eq!(evaluation.fraud.precision, Rate::new(1, 3));
        assert_eq!(evaluation.fraud.recall, Rate::new(1, 2));
        assert_eq!(evaluation.bots.precision, Rate::new(0, 1));
        assert_eq!(evaluation.look_alikes, Rate::new(1, 2));
        let kind = &evaluation.kinds[&Persona::FastRefund];
        assert_eq!((kind.all, kind.delay.p50_s), (3, Some(2.0)));
        assert_eq!((kind.score.precision, kind.score.recall), (Rate::new(1, 2), Rate::new(1, 2)));
        assert_eq!(evaluation.rules[&Rule::FastRefund].score.precision, Rate::new(1, 2));
        assert_eq!(evaluation.honest[&Persona::Shopper].flagged.count, 1);
    }

    #[test]
    fn a_rule_answers_for_the_kinds_that_it_is_meant_for_with_what_it_found_itself() {
        let labels = [
            label("looped", Persona::RefundLoop, 1_000, Some("refund")),
            label("lost", Persona::RefundLoop, 1_000, Some("refund")),
            label("idle", Persona::RefundLoop, 1_000, None),
            label("quick", Persona::FastRefund, 1_000, Some("refund")),
        ];
        let flags = [
            flag("looped", Rule::RefundLoop, 9_000),
            flag("looped", Rule::FastRefund, 4_000),
            flag("quick", Rule::RefundLoop, 2_000),
            flag("plain", Rule::RefundLoop, 2_000),
            flag("plain", Rule::PurchaseVelocity, 2_000),
        ];
        let evaluation = judge(labels, &flags);
        let looped = &evaluation.rules[&Rule::RefundLoop];
        assert_eq!((looped.score.precision, looped.score.recall), (Rate::new(2, 3), Rate::new(1, 2)));
        assert!((looped.score.f1.unwrap() - 4.0 / 7.0).abs() < 1e-9);
        assert_eq!(looped.delay.p50_s, Some(8.0), "by its own decision, not by that of the faster rule");
        let quick = &evaluation.rules[&Rule::FastRefund];
        assert_eq!(
            (quick.score.recall, quick.delay.p50_s),
            (Rate::new(0, 1), None),
            "it found another kind only"
        );
        let orders = &evaluation.rules[&Rule::PurchaseVelocity];
        assert_eq!((orders.score.recall.value, orders.score.f1), (None, None), "nobody plays that");
        assert_eq!(orders.score.precision, Rate::new(0, 1));
        let crawl = &evaluation.rules[&Rule::CatalogueCrawl];
        assert_eq!((crawl.score.precision.value, crawl.score.f1), (None, None), "it flags nobody");
        let kind = &evaluation.kinds[&Persona::RefundLoop];
        assert_eq!((kind.score.recall, kind.delay.p50_s), (Rate::new(1, 2), Some(3.0)));
        assert!((kind.score.f1.unwrap() - 4.0 / 7.0).abs() < 1e-9);
    }

    #[test]
    fn every_kind_of_culprit_has_a_rule_that_is_meant_for_it_and_no_rule_is_meant_for_another_class() {
        for kind in Persona::ALL.into_iter().filter(|kind| kind.class() != Class::Honest) {
            assert!(Rule::ALL.into_iter().any(|rule| meant_for(rule).contains(&kind)), "{kind:?}");
        }
        for rule in Rule::ALL {
            assert!(meant_for(rule).iter().all(|kind| kind.class() == class_of(rule.quarry())), "{rule:?}");
        }
    }

    #[test]
    fn nothing_held_against_nothing_is_no_share_at_all() {
        let evaluation = judge([], &[]);
        assert_eq!((evaluation.fraud.f1, evaluation.fraud.recall.value), (None, None));
        assert!(evaluation.fraud.precision.reaches(1.0));
    }
}
