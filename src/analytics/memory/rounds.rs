//! How far what is held reaches, by the last rounds of reading: which panes count, and until when.

use std::time::{Duration, Instant};

use chrono::TimeDelta;

use crate::analytics::bots::Dismissed;
use crate::analytics::memory::kind::Kind;
use crate::analytics::memory::shelf::{Half, Part, Shelf};
use crate::analytics::progress::{Frontier, Progress};
use crate::analytics::range::{MINUTES_MAX, Range};
use crate::model::time::Timestamp;
use crate::rollup::cover::Held;
use crate::rollup::state::State;
use crate::rollup::{Level, Rolled};
use crate::store::Store;

/// How far back minutes and quarters are held: an hour, the hour before, the four hours before that, and what begins them.
pub const REACH: TimeDelta = TimeDelta::hours(8);
/// How far back hours and days are held: the longest window, the one before, its past of four half-lives, and a day
/// that any of these begins with.
pub const PAST_REACH: TimeDelta = TimeDelta::minutes(6 * MINUTES_MAX as i64 + 24 * 60);
/// How far back everybody's minutes of products are held where quarters of an hour are there: an hour, the hour before, and
/// the quarter in which that begins. They are the most by far.
const MINUTES_REACH: TimeDelta = TimeDelta::minutes(140);
/// How far back weeks of minutes are held: what they are kept by default, and a few days.
pub const OLD_MINUTES_REACH: TimeDelta = TimeDelta::days(35);
/// How far a clock may go back without all being read anew.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(1);
/// How old what was read last of the last hours may be and still answer.
const AGE_MAX: Duration = Duration::from_secs(5);
/// The same of what was before, which changes when something is rolled up or repaired.
const PAST_AGE_MAX: Duration = Duration::from_secs(60);

/// What is stated and decided of results.
pub struct Stated {
    /// When it was asked for.
    pub asked: Instant,
    /// How far they are rolled up.
    pub state: State,
    /// How far they reach.
    pub frontiers: Vec<Frontier>,
    /// Which signals of rules on bots people dismissed.
    pub dismissed: Dismissed,
}

/// Since when something is held.
#[derive(Clone, Copy)]
pub struct Since {
    /// But for the minutes that stand below.
    pub all: Timestamp,
    /// Of the last hours everybody's minutes of products, of the past all minutes.
    pub minutes: Timestamp,
}

impl Since {
    /// What was forgotten does not come back when the clock or the roll-up goes back.
    fn and_no_earlier_than(self, before: Option<Self>) -> Self {
        before.map_or(self, |before| Self {
            all: self.all.max(before.all),
            minutes: self.minutes.max(before.minutes),
        })
    }
}

/// What the last round of the last hours ended with.
struct Recent {
    /// Whose results these are.
    results: Store,
    /// When the round began; `None` once an index was forgotten since.
    read: Option<Instant>,
    since: Since,
    state: State,
    frontiers: Vec<Frontier>,
    bots_told_apart: bool,
}

/// What the last round of what was before ended with.
struct Past {
    /// When the round began; `None` once an index was forgotten since.
    read: Option<Instant>,
    since: Since,
    /// What is held.
    shelves: Vec<Shelf>,
    /// All that is rolled up by it is held.
    state: State,
    bots_told_apart: bool,
}

/// How far what is held reaches.
#[derive(Default)]
pub struct Rounds {
    /// `None` before the first round ended.
    recent: Option<Recent>,
    /// `None` before the first round ended.
    past: Option<Past>,
}

impl Rounds {
    /// Ends a round of reading the last hours of the results in this store that began at `now`, with what was stated then.
    /// What is before is to be forgotten.
    pub fn end_recent(&mut self, now: Timestamp, results: &Store, stated: Stated) -> Since {
        let Stated { asked, state, frontiers, dismissed } = stated;
        let since = Since { all: now - REACH, minutes: minutes_from(now, &state) };
        let since = since.and_no_earlier_than(self.recent.as_ref().map(|before| before.since));
        let (results, read, bots_told_apart) = (results.clone(), Some(asked), !dismissed.is_cut);
        self.recent = Some(Recent { results, read, since, state, frontiers, bots_told_apart });
        since
    }

    /// Ends a round of reading these shelves of what was before that began at `now`, with what was stated then. What is
    /// before is to be forgotten.
    pub fn end_past(&mut self, now: Timestamp, stated: Stated, shelves: Vec<Shelf>) -> Since {
        let Stated { asked, state, dismissed, .. } = stated;
        let since = Since { all: now - PAST_REACH, minutes: now - OLD_MINUTES_REACH };
        let since = since.and_no_earlier_than(self.past.as_ref().map(|before| before.since));
        let (read, bots_told_apart) = (Some(asked), !dismissed.is_cut);
        self.past = Some(Past { read, since, shelves, state, bots_told_apart });
        since
    }

    /// Whether a clock that was ahead had more forgotten than is old by this one.
    pub fn were_ahead_of(&self, now: Timestamp) -> bool {
        self.recent.as_ref().is_some_and(|recent| recent.since.all > now - REACH + CLOCK_TOLERANCE)
    }

    /// Whether anything of the past is still held.
    pub fn have_shelves_of_the_past(&self) -> bool {
        self.past.as_ref().is_some_and(|past| !past.shelves.is_empty())
    }

    /// Nothing of this half is told before its next round has ended.
    pub fn begin_anew(&mut self, half: Half) {
        match half {
            Half::Recent => self.recent.iter_mut().for_each(|recent| recent.read = None),
            Half::Past => self.past.iter_mut().for_each(|past| past.read = None),
        }
    }

    /// A shelf of the past is held no more.
    pub fn leave_out(&mut self, shelf: Shelf) {
        self.past.iter_mut().for_each(|past| past.shelves.retain(|held| *held != shelf));
    }

    /// Whose results these are; `None` before the first round ended.
    pub fn results(&self) -> Option<&Store> {
        self.recent.as_ref().map(|recent| &recent.results)
    }

    /// Whether these are the results of this store.
    pub fn are_of(&self, results: &Store) -> bool {
        self.results().is_some_and(|held| held.name("") == results.name(""))
    }

    /// Whether they are as new as an answer must be.
    pub fn are_fresh(&self) -> bool {
        let read = self.recent.as_ref().and_then(|recent| recent.read);
        read.is_some_and(|read| read.elapsed() <= AGE_MAX)
    }

    /// Whether every suspect session could be told from bots'.
    pub fn bots_told_apart(&self) -> bool {
        let past = self.past().is_none_or(|past| past.bots_told_apart);
        past && self.recent.as_ref().is_some_and(|recent| recent.bots_told_apart)
    }

    /// How far a group is.
    pub fn progress(&self, group: &str) -> Progress {
        self.recent.as_ref().map_or_else(Progress::default, |recent| Progress::of(group, &recent.frontiers))
    }

    fn past(&self) -> Option<&Past> {
        let is_fresh = |past: &&Past| past.read.is_some_and(|read| read.elapsed() <= PAST_AGE_MAX);
        self.past.as_ref().filter(is_fresh)
    }

    /// What longer panes there are of a kind. Of hours and days, which are read more seldom than
    /// it is stated how many there are, those that are held where any is.
    pub fn rolled(&self, kind: Kind) -> Rolled {
        let Some(recent) = &self.recent else { return Rolled::default() };
        let mut rolled = recent.state.rolled(kind.minutes());
        if let Some(past) = self.past() {
            let read = past.state.rolled(kind.minutes());
            for level in [Level::Hour, Level::Day] {
                let held = rolled.held_mut(level);
                held.until = held.until.min(read.held(level).until);
            }
        }
        rolled
    }

    /// The longer panes that are held.
    fn longer(&self) -> Rolled {
        let since = |from| Held { from, until: Timestamp::MAX };
        let mut longer = Rolled::default();
        if let Some(recent) = &self.recent {
            longer.quarters = since(recent.since.all);
        }
        for (past, shelf) in
            self.past().into_iter().flat_map(|past| past.shelves.iter().map(move |shelf| (past, shelf)))
        {
            if let Some(level) = shelf.level() {
                *longer.held_mut(level) = since(past.since.all);
            }
        }
        longer
    }

    /// Where the panes of a stretch of time stand, of a kind of which the first hour that is held starts then; `None`
    /// where not all of them are held.
    pub fn parts(
        &self,
        kind: Kind,
        first_hour: Option<Timestamp>,
        Range { rolled, .. }: Range,
        (from, until): (Timestamp, Timestamp),
    ) -> Option<Vec<Part>> {
        let recent = self.recent.as_ref()?;
        let Since { all, minutes } = recent.since;
        let minutes_from = if kind == Kind::Products { minutes } else { all };
        let old = Shelf::OldMinutes;
        let has_old_minutes = |past: &&Past| past.shelves.contains(&old) && kind.stands_on(old);
        let old_minutes_from = self.past().filter(has_old_minutes);
        let old_minutes_from = old_minutes_from.map(|past| past.since.minutes.max(rolled.minutes_from));
        let (mut parts, held) = (Vec::new(), rolled.and(self.longer()));
        for piece in held.cover(rolled.align(from), rolled.align(until)) {
            let part = |shelf| Part { shelf, from: piece.from, until: piece.until };
            match piece.level {
                Some(Level::Quarter) => parts.push(part(Shelf::Quarters)),
                Some(Level::Hour) => parts.push(part(Shelf::Hours)),
                Some(Level::Day) => parts.push(part(Shelf::Days)),
                None if piece.from >= minutes_from => parts.push(part(Shelf::Minutes)),
                None if old_minutes_from.is_some_and(|old| piece.from >= old) => {
                    parts.push(Part { until: piece.until.min(minutes_from), ..part(Shelf::OldMinutes) });
                    if minutes_from < piece.until {
                        parts.push(Part { from: minutes_from, ..part(Shelf::Minutes) });
                    }
                }
                // What was done in it would be in an hour, and the first of these comes later.
                None if held.hours.from <= piece.from
                    && piece.until <= held.hours.until
                    && first_hour.is_none_or(|first| piece.until <= first) => {}
                None => return None,
            }
        }
        Some(parts)
    }
}

/// Since when everybody's minutes of products are held, given what is rolled up.
pub fn minutes_from(now: Timestamp, state: &State) -> Timestamp {
    let quarters = state.rolled(Kind::Products.minutes()).held(Level::Quarter).until;
    quarters.clamp(now - REACH, now - MINUTES_REACH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ElasticsearchSettings;
    use crate::store::schema::Schema;
    use clap::Parser;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn now() -> Timestamp {
        at("2026-11-21T12:00:00Z")
    }

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        elasticsearch: ElasticsearchSettings,
    }

    fn stated(state: State) -> Stated {
        let (frontiers, dismissed) = (Vec::new(), Dismissed::default());
        Stated { asked: Instant::now(), state, frontiers, dismissed }
    }

    /// After a round of the last hours.
    fn rounds(state: State) -> Rounds {
        let mut rounds = Rounds::default();
        let store = Store::new(&Flags::parse_from(["t"]).elasticsearch, "t-").unwrap();
        rounds.end_recent(now(), &store, stated(state));
        rounds
    }

    fn rolled_up(levels: &[(&Schema, &str)]) -> State {
        levels.iter().fold(State::default(), |state, (schema, until)| state.and_rolled_up(schema, at(until)))
    }

    const QUARTERS: (&Schema, &str) = (&Schema::PRODUCT_TRENDS_QUARTERS, "2026-11-21T11:30:00Z");
    const HOURS: (&Schema, &str) = (&Schema::PRODUCT_TRENDS_HOURS, "2026-11-21T11:00:00Z");
    const DAYS: (&Schema, &str) = (&Schema::PRODUCT_TRENDS_DAYS, "2026-11-21T00:00:00Z");

    /// Where the panes since an instant stand, of a shop that has always been there.
    fn shelves(rounds: &Rounds, from: &str) -> Option<Vec<Shelf>> {
        shelves_of(rounds, Some(Timestamp::MIN), from)
    }

    fn shelves_of(rounds: &Rounds, first_hour: Option<Timestamp>, from: &str) -> Option<Vec<Shelf>> {
        let range = Range::last(30, now()).read_from(rounds.rolled(Kind::Products));
        let parts = rounds.parts(Kind::Products, first_hour, range, (at(from), now()))?;
        Some(parts.iter().map(|part| part.shelf).collect())
    }

    #[test]
    fn a_stretch_is_told_where_its_minutes_and_its_quarters_are_all_held() {
        let rounds = rounds(rolled_up(&[QUARTERS]));
        let quarters_and_minutes = Some(vec![Shelf::Quarters, Shelf::Minutes]);
        assert_eq!(shelves(&rounds, "2026-11-21T08:15:00Z"), quarters_and_minutes);
        assert_eq!(shelves(&rounds, "2026-11-21T08:14:00Z"), None, "a minute is gone");
        assert_eq!(shelves(&rounds, "2026-11-21T03:45:00Z"), None, "a quarter is gone");
        let range = Range::last(30, now()).read_from(rounds.rolled(Kind::Products));
        let others = rounds.parts(Kind::SuspectProducts, None, range, (at("2026-11-21T08:14:00Z"), now()));
        assert!(others.is_some(), "other minutes are held longer");
    }

    #[test]
    fn hours_and_days_are_told_once_they_were_read_and_the_last_hours_without_them_before() {
        let (minutes, quarter, hour, day) = (Shelf::Minutes, Shelf::Quarters, Shelf::Hours, Shelf::Days);
        let both = || vec![Shelf::Days, Shelf::Hours];
        let state = || rolled_up(&[QUARTERS, HOURS, DAYS]);
        let mut rounds = rounds(state());
        let (yesterday, this_morning) = ("2026-11-20T00:00:00Z", "2026-11-21T06:00:00Z");
        assert_eq!(shelves(&rounds, this_morning), Some(vec![quarter, minutes]));
        assert_eq!(shelves(&rounds, yesterday), None);

        rounds.end_past(now(), stated(rolled_up(&[QUARTERS, DAYS])), both());
        let only_days = shelves(&rounds, this_morning);
        assert_eq!(only_days, Some(vec![quarter, minutes]), "hours were stated after the last round");
        rounds.end_past(now(), stated(state()), both());
        assert_eq!(shelves(&rounds, this_morning), Some(vec![hour, quarter, minutes]));
        assert_eq!(shelves(&rounds, yesterday), Some(vec![day, hour, quarter, minutes]));
        let long_ago = (now() - PAST_REACH - TimeDelta::hours(1)).to_string();
        assert_eq!(shelves(&rounds, &long_ago), None, "so far back nothing is held");

        rounds.begin_anew(Half::Past);
        assert_eq!(shelves(&rounds, yesterday), None);
        assert_eq!(shelves(&rounds, this_morning), Some(vec![quarter, minutes]));
    }

    #[test]
    fn without_hours_what_is_cut_at_full_days_is_told() {
        let mut rounds = rounds(rolled_up(&[QUARTERS, HOURS, DAYS]));
        rounds.end_past(now(), stated(rolled_up(&[QUARTERS, HOURS, DAYS])), vec![Shelf::Days]);
        let range = Range::last(30, now()).read_from(rounds.rolled(Kind::Products));
        let midnight = at("2026-11-21T00:00:00Z");
        let parts = |from| rounds.parts(Kind::Products, Some(Timestamp::MIN), range, (at(from), midnight));
        let days = parts("2026-11-01T00:00:00Z").unwrap();
        assert_eq!(days.iter().map(|part| part.shelf).collect::<Vec<_>>(), [Shelf::Days]);
        assert_eq!(parts("2026-11-01T01:00:00Z"), None);
    }

    #[test]
    fn what_begins_within_an_hour_of_last_week_is_told_from_the_minutes_of_weeks() {
        let mut rounds = rounds(rolled_up(&[QUARTERS, HOURS, DAYS]));
        let state = rolled_up(&[QUARTERS, HOURS, DAYS]);
        rounds.end_past(now(), stated(state), Shelf::of(Half::Past).to_vec());
        let last_week = "2026-11-14T23:30:00Z";
        let expected = [Shelf::OldMinutes, Shelf::Days, Shelf::Hours, Shelf::Quarters, Shelf::Minutes];
        assert_eq!(shelves(&rounds, last_week), Some(expected.to_vec()));
        rounds.leave_out(Shelf::OldMinutes);
        assert_eq!(shelves(&rounds, last_week), None);
    }

    #[test]
    fn minutes_that_were_dropped_are_not_held_though_they_were_once() {
        let dropped = rolled_up(&[QUARTERS, HOURS, DAYS])
            .and_dropped(&Schema::PRODUCT_TRENDS, at("2026-11-20T00:00:00Z"));
        let mut rounds = rounds(dropped.clone());
        rounds.end_past(now(), stated(dropped), Shelf::of(Half::Past).to_vec());
        assert_eq!(shelves(&rounds, "2026-11-19T09:20:00Z"), None, "it begins with a quarter");
        assert!(shelves(&rounds, "2026-11-20T09:20:00Z").is_some());
    }

    #[test]
    fn a_clock_that_goes_back_is_noticed() {
        let rounds = rounds(State::default());
        let were_ahead = |back: i64| rounds.were_ahead_of(now() - TimeDelta::seconds(back));
        assert_eq!([0, 59, 61].map(were_ahead), [false, false, true]);
    }

    #[test]
    fn what_begins_before_the_shop_did_is_told_without_the_minutes_of_then() {
        let mut rounds = rounds(rolled_up(&[QUARTERS, HOURS, DAYS]));
        let state = rolled_up(&[QUARTERS, HOURS, DAYS]);
        rounds.end_past(now(), stated(state), vec![Shelf::Days, Shelf::Hours]);
        let last_month = "2026-10-14T23:30:00Z";
        let told = Some(vec![Shelf::Days, Shelf::Hours, Shelf::Quarters, Shelf::Minutes]);
        assert_eq!(shelves_of(&rounds, None, last_month), told, "there are no hours at all");
        let of_shop = |first_hour: &str| shelves_of(&rounds, Some(at(first_hour)), last_month);
        assert_eq!(of_shop("2026-10-15T00:00:00Z"), told);
        assert_eq!(of_shop("2026-10-14T23:00:00Z"), None, "something may have been done in these minutes");
    }

    #[test]
    fn minutes_are_held_until_quarters_take_their_place() {
        assert_eq!(minutes_from(now(), &State::default()), now() - REACH, "nothing is rolled up yet");
        let until = |text: &str| minutes_from(now(), &rolled_up(&[(&Schema::PRODUCT_TRENDS_QUARTERS, text)]));
        assert_eq!(until("2026-11-21T11:30:00Z"), now() - MINUTES_REACH);
        assert_eq!(until("2026-11-21T08:30:00Z"), at("2026-11-21T08:30:00Z"));
        assert_eq!(until("2026-11-21T02:00:00Z"), now() - REACH);
    }

    #[test]
    fn what_was_not_read_lately_or_lost_an_index_does_not_answer() {
        assert!(!Rounds::default().are_fresh());
        let mut held = rounds(State::default());
        assert!(held.are_fresh());
        held.begin_anew(Half::Recent);
        assert!(!held.are_fresh(), "before a round has read what there is instead");
        let mut held = rounds(State::default());
        let long_ago = Instant::now().checked_sub(AGE_MAX * 2);
        assert!(long_ago.is_some());
        held.recent.iter_mut().for_each(|recent| recent.read = long_ago);
        assert!(!held.are_fresh());
    }
}
