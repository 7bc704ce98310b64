//! What was done with products: the panes of everybody (`product-trends`) and of suspect sessions
//! (`suspect-products`).

use serde::Deserialize;
use smol_str::SmolStr;

use crate::analytics::memory::names::Names;
use crate::analytics::memory::panes::{DocumentAt, Panes, Row};
use crate::analytics::memory::shelf::{Half, Part, Shelf};
use crate::model::category::CategoryPath;
use crate::model::ids::ProductId;
use crate::model::money::Cents;
use crate::model::time::Timestamp;

/// A document of either kind, as far as it is read.
#[derive(Debug, Clone, Deserialize)]
pub struct Document {
    minute: Timestamp,
    product_id: ProductId,
    category: CategoryPath,
    /// Suspects' have none.
    #[serde(default)]
    brand: SmolStr,
    /// Everybody's have none.
    #[serde(default)]
    pub session_id: SmolStr,
    view: Option<Counts>,
    add_to_cart: Option<Counts>,
    purchase: Option<Counts>,
    refund: Option<Counts>,
}

/// What is 0 is left out of longer panes.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Counts {
    sessions: u64,
    quantity: u64,
    revenue_cents: Cents,
}

/// What was done with a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// It was viewed.
    View,
    /// It was put into a cart.
    AddToCart,
    /// It was bought.
    Purchase,
    /// It was given back.
    Refund,
}

impl Deed {
    /// Every deed.
    pub const ALL: [Self; 4] = [Self::View, Self::AddToCart, Self::Purchase, Self::Refund];
}

/// How much of a deed: sessions and units. More than four thousand million of either in a pane count as that many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// Distinct sessions.
    pub sessions: u32,
    /// Units.
    pub quantity: u32,
}

/// What a row is about: the numbers of a product, and of the category and brand that it had then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The product's.
    pub product: u32,
    /// The category's.
    pub category: u32,
    /// The brand's.
    pub brand: u32,
}

/// What all rows are about.
#[derive(Debug, Default)]
pub struct Subjects {
    /// Products.
    pub products: Names<ProductId>,
    /// Leaf categories.
    pub categories: Names<CategoryPath>,
    /// Makers; the empty one is that of suspects' rows.
    pub brands: Names<SmolStr>,
    /// All three together.
    pub all: Names<Subject>,
}

impl Subjects {
    /// The memory that they take, in bytes.
    pub fn bytes(&self) -> usize {
        self.products.bytes() + self.categories.bytes() + self.brands.bytes() + self.all.bytes()
    }

    /// The number of a product as it was then.
    pub fn number(&mut self, product: &ProductId, category: &CategoryPath, brand: &SmolStr) -> u32 {
        let product = self.products.number(product);
        let (category, brand) = (self.categories.number(category), self.brands.number(brand));
        self.all.number(&Subject { product, category, brand })
    }
}

/// The panes of all shelves.
#[derive(Debug)]
pub struct Products<W> {
    /// Hardly a document counts more than one deed.
    deeds: Panes<Deed, W, Amount>,
    /// What was bought cost.
    revenue: Panes<(), W, Cents>,
}

impl<W> Default for Products<W> {
    fn default() -> Self {
        Self { deeds: Panes::default(), revenue: Panes::default() }
    }
}

impl<W: Copy> Products<W> {
    /// Puts a document in, instead of what it was before; it counts once it is [settled](Self::settle).
    pub fn put(&mut self, document: DocumentAt<'_>, who: W, found: &Document, subjects: &mut Subjects) {
        let subject = subjects.number(&found.product_id, &found.category, &found.brand);
        let counted = [found.view, found.add_to_cart, found.purchase, found.refund];
        let least = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        for (deed, counts) in Deed::ALL.into_iter().zip(counted) {
            let Some(Counts { sessions, quantity, .. }) = counts else { continue };
            let counts = Amount { sessions: least(sessions), quantity: least(quantity) };
            self.deeds.put(document, found.minute, deed, Row::of(document, subject, who, counts));
        }
        if let Some(Counts { revenue_cents: counts, .. }) = found.purchase {
            self.revenue.put(document, found.minute, (), Row::of(document, subject, who, counts));
        }
    }

    /// Makes what was put in count.
    pub fn settle(&mut self) {
        self.deeds.settle();
        self.revenue.settle();
    }

    /// Forgets what one half has of the documents of an index that is gone.
    pub fn forget_index(&mut self, half: Half, index: &str) {
        self.deeds.forget_index(half, index);
        self.revenue.forget_index(half, index);
    }

    /// Forgets the panes of a shelf that start before an instant.
    pub fn forget_before(&mut self, shelf: Shelf, start: Timestamp) {
        self.deeds.forget_before(shelf, start);
        self.revenue.forget_before(shelf, start);
    }

    /// The start of the first pane of a shelf.
    pub fn first(&self, shelf: Shelf) -> Option<Timestamp> {
        self.deeds.first(shelf)
    }

    /// The rows of these parts that count a deed, pane by pane.
    pub fn did<'a>(
        &'a self,
        deed: Deed,
        parts: &'a [Part],
    ) -> impl Iterator<Item = (Timestamp, &'a [Row<W, Amount>])> {
        self.deeds.of(deed, parts)
    }

    /// The rows of these parts that say what was paid.
    pub fn revenue<'a>(&'a self, parts: &'a [Part]) -> impl Iterator<Item = &'a Row<W, Cents>> {
        self.revenue.of((), parts).flat_map(|(_, rows)| rows)
    }

    /// The memory that is set aside for the rows of one half, in bytes.
    pub fn bytes(&self, half: Half) -> usize {
        self.deeds.bytes(half) + self.revenue.bytes(half)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cost_nothing_is_read_although_longer_panes_leave_its_price_out() {
        let given_away = json!({
            "minute": "2026-11-21T10:00:00Z", "span": "hour", "product_id": "p1", "category": "garden.tools",
            "purchase": { "sessions": 2, "quantity": 3 },
        });
        let found: Document = serde_json::from_value(given_away).unwrap();
        let (mut products, mut subjects) = (Products::default(), Subjects::default());
        let document = DocumentAt { shelf: Shelf::Minutes, index: "a", fingerprint: 1 };
        products.put(document, (), &found, &mut subjects);
        products.settle();
        let minute = found.minute;
        let until = Timestamp::from_millis(minute.millis() + 1);
        let parts = [Part { shelf: Shelf::Minutes, from: minute, until }];
        let amounts: Vec<Amount> =
            products.did(Deed::Purchase, &parts).flat_map(|(_, rows)| rows).map(|row| row.counts).collect();
        assert_eq!(amounts, [Amount { sessions: 2, quantity: 3 }]);
        assert_eq!(products.revenue(&parts).map(|row| row.counts).sum::<Cents>(), Cents(0));
    }
}
