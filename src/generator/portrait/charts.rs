//! The charts of a portrait, as SVG files.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::traffic::Measures;
use crate::traffic::{Class, Persona};

const SIZE: (u32, u32) = (680, 300);
const INK: RGBColor = RGBColor(30, 64, 110);
const MARK: RGBColor = RGBColor(214, 96, 42);
const ALARM: RGBColor = RGBColor(176, 32, 52);
const LABEL_WIDTH: u32 = 130;

/// Draws one chart into a file.
pub type Draw = fn(&Measures, &Path) -> anyhow::Result<()>;

/// One bar that lies on its side.
struct Bar {
    label: String,
    value: f64,
    colour: RGBColor,
}

/// How far sessions go.
pub fn funnel(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let steps = ["search", "view", "cart", "purchase"].into_iter().zip(measures.funnel.rates());
    let bar = |(label, rate): (&str, f64)| Bar { label: label.to_owned(), value: 100.0 * rate, colour: INK };
    let mut bars: Vec<Bar> = steps.map(bar).collect();
    let refunds = 100.0 * measures.funnel.refund_rate() * measures.funnel.rates()[3];
    bars.push(Bar { label: "refund".to_owned(), value: refunds, colour: MARK });
    lying_bars(path, "% of sessions", &bars)
}

/// When people come.
pub fn hours(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let total: u64 = measures.hours.iter().sum::<u64>().max(1);
    let shares = measures.hours.map(|count| 100.0 * count as f64 / total as f64);
    standing_bars(path, ("hour of the day (UTC)", "% of events of people"), 0, &shares)
}

/// Where clicks fall.
pub fn positions(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let shares: Vec<f64> = measures.click_shares.iter().take(24).map(|share| 100.0 * share).collect();
    standing_bars(path, ("position among the results", "% of clicks"), 1, &shares)
}

/// How unequal products are, with the fitted law.
pub fn popularity(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let root = sheet(path)?;
    let places = measures.product_views.len().max(2) as f64;
    let most = measures.product_views.first().copied().unwrap_or(1).max(2) as f64;
    let mut chart = ChartBuilder::on(&root)
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d((1.0..places).log_scale(), (1.0..most * 1.5).log_scale())?;
    chart.configure_mesh().x_desc("product's place").y_desc("views").light_line_style(WHITE).draw()?;
    let counted = measures.product_views.iter().zip(1..);
    // Below a hundred every product, then ever fewer: the eye sees logarithms.
    let seen = counted.filter(|(_, place): &(&u64, u64)| *place < 100 || place % (place / 50) == 0);
    let points = seen.map(|(views, place)| (place as f64, *views as f64));
    chart.draw_series(points.map(|point| Circle::new(point, 2, INK.filled())))?;
    let law = (0..=100).map(|step| places.powf(f64::from(step) / 100.0));
    // As many views in all as were counted.
    let weight = |place: f64| place.powf(-measures.zipf_exponent);
    let weights: f64 = (1..=measures.product_views.len()).map(|place| weight(place as f64)).sum();
    let scale = measures.product_views.iter().sum::<u64>() as f64 / weights.max(1.0);
    let fitted = law.map(|place| (place, scale * weight(place)));
    chart.draw_series(LineSeries::new(fitted.filter(|(_, views)| *views >= 1.0), MARK.stroke_width(2)))?;
    root.present()?;
    Ok(())
}

/// Who is there besides plain shoppers, by events.
pub fn visitors(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let total = measures.personas.values().map(|presence| presence.events).sum::<u64>().max(1) as f64;
    let others = measures.personas.iter().filter(|(persona, _)| **persona != Persona::Shopper);
    let bar = |(persona, presence): (&Persona, &crate::traffic::Presence)| Bar {
        label: persona.name(),
        value: 100.0 * presence.events as f64 / total,
        colour: match persona.class() {
            Class::Honest => INK,
            Class::Bot => MARK,
            Class::Fraud => ALARM,
        },
    };
    let bars: Vec<Bar> = others.map(bar).collect();
    lying_bars(path, "% of events", &bars)
}

type Sheet<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn sheet(path: &Path) -> anyhow::Result<Sheet<'_>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    Ok(root)
}

fn lying_bars(path: &Path, axis: &str, bars: &[Bar]) -> anyhow::Result<()> {
    let root = sheet(path)?;
    let most = bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
    // The first bar is the uppermost.
    let rows: Vec<&Bar> = bars.iter().rev().collect();
    let last = rows.len().saturating_sub(1);
    let mut chart = ChartBuilder::on(&root)
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(LABEL_WIDTH)
        .build_cartesian_2d(0.0..most * 1.12, (0..last).into_segmented())?;
    let label = |place: &SegmentValue<usize>| match place {
        SegmentValue::CenterOf(at) => rows.get(*at).map(|bar| bar.label.clone()).unwrap_or_default(),
        SegmentValue::Exact(_) | SegmentValue::Last => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(WHITE)
        .y_labels(rows.len())
        .y_label_formatter(&label)
        .x_desc(axis)
        .draw()?;
    for (row, bar) in rows.iter().enumerate() {
        let area = [(0.0, SegmentValue::Exact(row)), (bar.value, SegmentValue::Exact(row + 1))];
        let mut drawn = Rectangle::new(area, bar.colour.filled());
        drawn.set_margin(4, 4, 0, 0);
        chart.draw_series([drawn])?;
        let figure = format!("{:.*}", if bar.value < 1.0 { 3 } else { 1 }, bar.value);
        let at = (bar.value + most * 0.01, SegmentValue::CenterOf(row));
        let style = ("sans-serif", 12).into_font().color(&INK).pos(plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Left,
            plotters::style::text_anchor::VPos::Center,
        ));
        chart.draw_series([Text::new(figure, at, style)])?;
    }
    root.present()?;
    Ok(())
}

fn standing_bars(path: &Path, axes: (&str, &str), first: u32, values: &[f64]) -> anyhow::Result<()> {
    let root = sheet(path)?;
    let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let last = first + values.len() as u32;
    let mut chart = ChartBuilder::on(&root)
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d((first..last - 1).into_segmented(), 0.0..most * 1.05)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .x_labels(values.len())
        .x_desc(axes.0)
        .y_desc(axes.1)
        .draw()?;
    for (at, value) in (first..).zip(values) {
        let area = [(SegmentValue::Exact(at), 0.0), (SegmentValue::Exact(at + 1), *value)];
        let mut drawn = Rectangle::new(area, INK.filled());
        drawn.set_margin(0, 0, 2, 2);
        chart.draw_series([drawn])?;
    }
    root.present()?;
    Ok(())
}
