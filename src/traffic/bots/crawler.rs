//! One client of a crawler that is spread over many: each is as slow as a person and views whatever product is
//! next on the walk that they share, from the best seller down to the last one and from there again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::traffic::assortment::Rank;
use crate::traffic::bots::pace::Pace;
use crate::traffic::session::{Moment, Step, Then};

/// Views of one client after which its part in the walk can be seen.
const TELLING: u32 = 5;

/// The walk that all clients share. It belongs to one simulator, so its order is that of the events.
#[derive(Clone, Default)]
pub struct Walk(Arc<AtomicU32>);

impl Walk {
    /// The next product.
    fn next(&self, moment: &Moment<'_>) -> Option<Step> {
        let rank: Rank = self.0.fetch_add(1, Ordering::Relaxed);
        let item = moment.assortment.item(rank, None).or_else(|| {
            self.0.store(1, Ordering::Relaxed);
            moment.assortment.item(0, None)
        });
        item.map(Step::View)
    }
}

/// What a client keeps.
pub struct Crawler {
    walk: Walk,
    pace: Pace,
}

impl Crawler {
    /// Comes in; gives the first step.
    pub fn arrive(walk: &Walk, moment: &mut Moment<'_>) -> Option<(Step, Self)> {
        let settings = moment.world.bots.slow_crawler;
        let pace = Pace::new(settings.gap_s, settings.jitter, settings.requests, moment.chance);
        Some((walk.next(moment)?, Self { walk: walk.clone(), pace }))
    }

    /// Decides what follows what was just done.
    pub fn then(&mut self, moment: &mut Moment<'_>) -> Then {
        let Some(requests) = self.pace.tick() else { return Then::Leave(None) };
        if requests == TELLING {
            moment.tell(|| format!("{TELLING} products in the order of a walk that other clients share"));
        }
        match self.walk.next(moment) {
            Some(step) => self.pace.then(step, moment.chance),
            None => Then::Leave(None),
        }
    }
}
