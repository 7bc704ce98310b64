//! The page of a portrait, in Markdown.

use std::fmt::Write;

use crate::generator::portrait::Sitting;
use crate::traffic::Class;
use crate::traffic::Measures;

/// The page.
pub fn page(sitting: &Sitting<'_>) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write_page(&mut text, sitting);
    text
}

fn write_page(text: &mut String, sitting: &Sitting<'_>) -> std::fmt::Result {
    let Sitting { settings, scenario, measures } = sitting;
    let total: u64 = measures.events.values().sum();
    writeln!(text, "# What a simulated day looks like\n")?;
    writeln!(
        text,
        "Made by `cargo run --release --bin portrait -- --scenario {} --seed {} --products {} --events-per-second {} --hours {}`, \
         which needs no server. {total} events; every figure is counted from them. The same command makes the same page.\n",
        settings.scenario, settings.seed, settings.products, settings.events_per_second, settings.hours
    )?;
    write_funnel(text, measures)?;
    writeln!(text, "## When people come\n\n![Events by hour](simulated-day/hours.svg)\n")?;
    writeln!(
        text,
        "The quietest hour has {:.0} % of the events of the busiest.\n",
        100.0 * measures.quietest_to_busiest()
    )?;
    write_searches(text, measures)?;
    writeln!(
        text,
        "## Which products they want\n\n![Views by product's place](simulated-day/popularity.svg)\n"
    )?;
    writeln!(
        text,
        "{} products were viewed. The line is Zipf's law with the exponent {:.2}, fitted by maximum likelihood to all \
         products with at least five views.\n",
        measures.product_views.len(),
        measures.zipf_exponent
    )?;
    writeln!(text, "## Who is there\n\n![Events by kind of visitor](simulated-day/visitors.svg)\n")?;
    writeln!(
        text,
        "Blue is honest, orange a program, red after the shop's money. Programs cause {:.1} % of the events (set: {:.1} %), \
         and {:.2} % of the accounts are fraudulent (set: {:.2} %).\n",
        100.0 * measures.bot_event_share,
        100.0 * scenario.world.bot_ratio,
        100.0 * measures.fraud_account_share,
        100.0 * scenario.world.fraud_ratio
    )?;
    write_visitors(text, measures)
}

fn write_funnel(text: &mut String, measures: &Measures) -> std::fmt::Result {
    let funnel = &measures.funnel;
    writeln!(text, "## How far sessions go\n\n![Share of sessions by step](simulated-day/funnel.svg)\n")?;
    writeln!(text, "| | sessions of plain shoppers | share |\n|---|---:|---:|")?;
    let counts = [funnel.searched, funnel.viewed, funnel.carted, funnel.purchased];
    let steps = ["with a search", "with a view", "with something put into the cart", "with an order"];
    writeln!(text, "| all | {} | 100 % |", funnel.sessions)?;
    for ((step, count), rate) in steps.into_iter().zip(counts).zip(funnel.rates()) {
        writeln!(text, "| {step} | {count} | {:.1} % |", 100.0 * rate)?;
    }
    let (refunds, rate) = (funnel.refunds, 100.0 * funnel.refund_rate());
    writeln!(
        text,
        "\nOf the orders {refunds} ({rate:.1} %) went back, whole or in part; honest refunds take hours to weeks.\n"
    )
}

fn write_searches(text: &mut String, measures: &Measures) -> std::fmt::Result {
    writeln!(
        text,
        "## What they search for and click\n\n![Clicks by position](simulated-day/positions.svg)\n"
    )?;
    writeln!(
        text,
        "{:.1} % of the searches find nothing, {:.1} % refine the one before; {:.0} % of the clicks fall on the first result.\n",
        100.0 * measures.zero_result_share,
        100.0 * measures.refinement_share,
        100.0 * measures.click_shares.first().copied().unwrap_or_default()
    )
}

fn write_visitors(text: &mut String, measures: &Measures) -> std::fmt::Result {
    writeln!(text, "| kind | counts as | visitors | events |\n|---|---|---:|---:|")?;
    for (persona, presence) in &measures.personas {
        let class = match persona.class() {
            Class::Honest => "honest",
            Class::Bot => "bot",
            Class::Fraud => "fraud",
        };
        writeln!(text, "| {} | {class} | {} | {} |", persona.name(), presence.visitors, presence.events)?;
    }
    Ok(())
}
