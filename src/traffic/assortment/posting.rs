//! Sets of products, as lists to walk along and as bits to look one product up.

use crate::traffic::assortment::Rank;

/// Where more than one product in so many has a word, its products are kept as bits too: looking one up in
/// the list would take ten times as long. The bits take at most eight times the memory of the list.
const BITS_FROM: usize = 256;

/// The products that have a word.
pub struct Posting {
    /// The best seller first.
    pub ranks: Vec<Rank>,
    /// The same, where there are many.
    pub bits: Option<Bits>,
}

impl Posting {
    /// Of these ranks, the least first, of so many products.
    pub fn new(ranks: Vec<Rank>, products: usize) -> Self {
        let bits = (ranks.len() > products / BITS_FROM).then(|| {
            let mut bits = Bits::new(products);
            ranks.iter().for_each(|rank| bits.set(*rank));
            bits
        });
        Self { ranks, bits }
    }

    /// Whether a product is among them.
    pub fn has(&self, rank: Rank) -> bool {
        match &self.bits {
            Some(bits) => bits.has(rank),
            None => self.ranks.binary_search(&rank).is_ok(),
        }
    }
}

/// A bit for each product.
#[derive(Clone)]
pub struct Bits(Vec<u64>);

impl Bits {
    /// None of so many products.
    pub fn new(products: usize) -> Self {
        Self(vec![0; products.div_ceil(64)])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|bits| bits.count_ones() as usize).sum()
    }

    /// Adds a product.
    pub fn set(&mut self, rank: Rank) {
        if let Some(bits) = self.0.get_mut(rank as usize / 64) {
            *bits |= 1 << (rank % 64);
        }
    }

    /// Adds these products.
    pub fn add(&mut self, posting: &Posting) {
        match &posting.bits {
            Some(other) => self.0.iter_mut().zip(&other.0).for_each(|(bits, more)| *bits |= more),
            None => posting.ranks.iter().for_each(|rank| self.set(*rank)),
        }
    }

    /// Keeps those that are also among the others.
    pub fn keep(&mut self, others: &Self) {
        self.0.iter_mut().zip(&others.0).for_each(|(bits, other)| *bits &= other);
    }

    /// Whether a product is among them.
    pub fn has(&self, rank: Rank) -> bool {
        self.0.get(rank as usize / 64).is_some_and(|bits| bits >> (rank % 64) & 1 == 1)
    }

    /// All of them, the least first.
    pub fn ranks(&self) -> impl Iterator<Item = Rank> {
        self.0.iter().enumerate().flat_map(|(place, bits)| {
            let mut rest = *bits;
            std::iter::from_fn(move || {
                let lowest = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(place as Rank * 64 + lowest)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lists_and_bits_hold_the_same_products(ranks in proptest::collection::btree_set(0u32..500, 0..200)) {
            let posting = Posting::new(ranks.iter().copied().collect(), 500);
            let mut bits = Bits::new(500);
            ranks.iter().for_each(|rank| bits.set(*rank));
            for rank in 0..520 {
                prop_assert_eq!(posting.has(rank), ranks.contains(&rank));
                prop_assert_eq!(bits.has(rank), ranks.contains(&rank));
            }
            prop_assert_eq!(bits.len(), ranks.len());
            prop_assert_eq!(bits.ranks().collect::<BTreeSet<_>>(), ranks);
        }

        #[test]
        fn bits_are_joined_and_cut_as_sets_are(
            one in proptest::collection::btree_set(0u32..500, 0..200),
            other in proptest::collection::btree_set(0u32..500, 0..200),
        ) {
            let posting = |ranks: &BTreeSet<Rank>| Posting::new(ranks.iter().copied().collect(), 500);
            let of = |ranks: &BTreeSet<Rank>| {
                let mut bits = Bits::new(500);
                bits.add(&posting(ranks));
                bits
            };
            let (mut both, mut either) = (of(&one), of(&one));
            both.keep(&of(&other));
            either.add(&posting(&other));
            prop_assert_eq!(both.ranks().collect::<BTreeSet<_>>(), &one & &other);
            prop_assert_eq!(either.ranks().collect::<BTreeSet<_>>(), &one | &other);
        }
    }
}
