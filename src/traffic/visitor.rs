//! Who comes to the shop, and the ids that a run gives out.

use rand::Rng;
use uuid::Uuid;

use crate::model::ids::{ClientId, OrderId, QueryId, SessionId, UserId};
use crate::model::time::Timestamp;
use crate::traffic::chance::Chance;
use crate::traffic::persona::Persona;
use crate::traffic::taste::Taste;

/// Somebody with a browser.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// What they are up to.
    pub persona: Persona,
    /// Their account; `None` for a guest.
    pub user_id: Option<UserId>,
    /// Their browser.
    pub client_id: ClientId,
    /// What they like.
    pub taste: Taste,
    /// Whether an event of theirs has been seen under this account or, for a guest, this browser.
    pub seen: bool,
}

/// Gives out ids. Those of two runs differ unless seed and start are the same: a second run's order 1 must
/// not look like the first one's. What is drawn for ids changes nothing in the visitors' behaviour.
pub struct Ids {
    run: u32,
    chance: Chance,
    clients: u64,
    users: u64,
    sessions: u64,
    queries: u64,
    orders: u64,
}

macro_rules! numbered_ids {
    ($($(#[$doc:meta])* $name:ident -> $id:ident, $count:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&mut self) -> $id {
            self.$count += 1;
            $id::numbered(self.run, self.$count)
        }
    )*};
}

impl Ids {
    /// Starts the ids of a run.
    pub fn new(seed: u64, start: Timestamp) -> Self {
        let mut chance = Chance::new(seed ^ (start.millis() as u64).rotate_left(32));
        let run = chance.next_u32();
        Self { run, chance, clients: 0, users: 0, sessions: 0, queries: 0, orders: 0 }
    }

    numbered_ids! {
        /// A new browser.
        client -> ClientId, clients;
        /// A new account.
        user -> UserId, users;
        /// A new visit.
        session -> SessionId, sessions;
        /// A new answered search.
        query -> QueryId, queries;
        /// A new order.
        order -> OrderId, orders;
    }

    /// A UUIDv7 of this time.
    pub fn event(&mut self, at: Timestamp) -> Uuid {
        let mut random = [0; 10];
        self.chance.fill_bytes(&mut random);
        let millis = u64::try_from(at.millis()).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}
