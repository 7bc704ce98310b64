//! Hash tables of the folds. Their keys are looked up for every event, so they hash quicker than the standard
//! library's do; seeded anew in each process, so that nobody can prepare keys that collide.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use std::sync::LazyLock;

use foldhash::{fast, quality};
use indexmap::IndexMap;

/// Values by key.
pub type Table<K, V> = HashMap<K, V, fast::RandomState>;
/// Values by key, each of which keeps its place.
pub type Numbered<K, V> = IndexMap<K, V, fast::RandomState>;
/// Distinct values.
pub type Set<T> = HashSet<T, fast::RandomState>;

/// 64 bits that stand for a value where only a few are told apart. Lives in memory alone: another process has others.
pub fn fingerprint(value: &impl Hash) -> u64 {
    static SEED: LazyLock<quality::RandomState> = LazyLock::new(quality::RandomState::default);
    SEED.hash_one(value)
}
