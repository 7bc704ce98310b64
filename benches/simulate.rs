//! What an event costs before anybody writes it down: `cargo bench --bench simulate`.
//!
//! 50,000 products of the built-in catalogue; event times a millisecond apart, as at a thousand a second. The
//! shop is busy before it is measured, so that the sessions of a full house are under way.

#![expect(clippy::unwrap_used, reason = "a bench may panic")]

use chrono::TimeDelta;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use shoplens::catalog::shelf;
use shoplens::model::money::Currency;
use shoplens::model::time::Timestamp;
use shoplens::traffic::{Assortment, Simulator, World};

const PRODUCTS: u64 = 50_000;
/// Events before the first measured one: ten minutes of the shop's time.
const WARM_UP: i64 = 600_000;

fn act(criterion: &mut Criterion) {
    let start = Timestamp::from_millis(1_800_000_000_000);
    let assortment = Assortment::new(shelf::built_in(PRODUCTS, Currency::EUR).unwrap()).unwrap();
    let mut simulator = Simulator::new(assortment, Currency::EUR, World::default(), 1, start);
    let mut times = (0..).map(|millis| start + TimeDelta::milliseconds(millis));
    times.by_ref().take(WARM_UP as usize).for_each(|now| drop(simulator.act(now)));
    let mut group = criterion.benchmark_group("simulate");
    group.throughput(Throughput::Elements(1));
    group.bench_function("act", |bencher| {
        bencher.iter(|| simulator.act(times.next().unwrap()));
    });
    group.finish();
}

criterion_group!(benches, act);
criterion_main!(benches);
