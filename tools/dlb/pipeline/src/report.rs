// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! What is checked and shown in the end.

use std::fmt::Write as _;

use anyhow::{ensure, Result};

use crate::board::{Board, Rate, Row};
use crate::roles::{Idle, Plan};

/// Checks what can only be checked when all is over.
pub fn check(board: &Board, plan: &Plan) -> Result<()> {
    for row in 0..board.rows() {
        ensure!(
            board.row(row).ended,
            "process {row} did not end as it should"
        );
    }
    let workers: Vec<Row> = (2..board.rows()).map(|row| board.row(row)).collect();
    let sum = |field: fn(&Row) -> u64| workers.iter().map(field).sum::<u64>();
    let events = plan.events;
    for (stage, count) in [
        ("sent by the source", board.sent()),
        ("taken from the ordered queue", sum(|row| row.ordered)),
        ("taken in order at the sink", board.first()),
        ("taken from the atomic queue", sum(|row| row.atomic)),
        ("taken from the unordered queue", sum(|row| row.unordered)),
        ("taken at the sink in the end", board.done()),
    ] {
        ensure!(count == events, "{count} events were {stage}, not {events}");
    }
    for (worker, row) in workers.iter().enumerate() {
        ensure!(row.unordered > 0, "worker {worker} got no unordered event");
    }
    ensure!(
        board.late() > 0,
        "the workers happened to finish ordered events in order, so nothing was restored; \
         send more events"
    );
    let rated = (0..board.rows())
        .map(|row| board.row(row).rated)
        .sum::<u64>();
    let expected = plan.rated * (Rate::ALL.len() as u64 - 1);
    ensure!(
        rated == expected,
        "{rated} events were measured, not {expected}"
    );
    Ok(())
}

/// Makes the tables. `names` are those of the ports, in the order of the rows.
pub fn print(board: &Board, plan: &Plan, names: &[String], idle: Idle) -> String {
    let rows: Vec<(&str, Row)> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (name.as_str(), board.row(at)))
        .collect();
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = tables(&mut out, board, plan, &rows, idle);
    out
}

fn tables(
    out: &mut String,
    board: &Board,
    plan: &Plan,
    rows: &[(&str, Row)],
    idle: Idle,
) -> std::fmt::Result {
    let workers = rows.get(2..).unwrap_or_default();

    writeln!(out, "Ports")?;
    writeln!(
        out,
        "  {:<12} {:>10} {:>10} {:>10} {:>10} {:>11} {:>9} {:>10}",
        "port",
        "events in",
        "events out",
        "elements",
        "lines",
        "empty looks",
        "sys calls",
        "per event"
    )?;
    let mut total = Row::default();
    for (name, row) in rows {
        line(out, name, row)?;
        total.received += row.received;
        total.sent += row.sent;
        total.elements += row.elements;
        total.lines += row.lines;
        total.empty += row.empty;
        total.system_calls += row.system_calls;
    }
    line(out, "all", &total)?;
    if idle == Idle::Poll {
        let sealed = rows.iter().filter(|(_, row)| row.sealed).count();
        writeln!(
            out,
            "  {sealed} of {} processes ran under a filter that kills for a system call",
            rows.len()
        )?;
    }

    writeln!(out, "\nBalance")?;
    writeln!(
        out,
        "  {:<12} {:>16} {:>16} {:>16}",
        "worker", "ordered", "atomic", "unordered"
    )?;
    for (name, row) in workers {
        let share = |count: u64| {
            format!(
                "{} {:>5.1}%",
                grouped(count),
                100.0 * ratio(count, plan.events)
            )
        };
        writeln!(
            out,
            "  {name:<12} {:>16} {:>16} {:>16}",
            share(row.ordered),
            share(row.atomic),
            share(row.unordered)
        )?;
    }

    writeln!(out, "\nRates")?;
    let passes = 5 * plan.events;
    let time = board.rate(Rate::Pipeline);
    writeln!(
        out,
        "  whole pipeline: {} events in {:.2} s, {} a second, {} passes through the device a second",
        grouped(plan.events),
        time as f64 / 1e9,
        grouped(per_second(plan.events, time)),
        grouped(per_second(passes, time)),
    )?;
    for rate in Rate::ALL
        .into_iter()
        .skip(1)
        .filter(|rate| board.rate(*rate) > 0)
    {
        writeln!(
            out,
            "  {:<10} alone: {:>10} a second",
            format!("{rate:?}").to_lowercase(),
            grouped(per_second(plan.rated, board.rate(rate)))
        )?;
    }

    writeln!(out, "\nChecks")?;
    writeln!(out, "  lost 0, twice 0 of {} events", grouped(plan.events))?;
    writeln!(
        out,
        "  ordered: {} were finished late by a worker, all arrived in the order of the source",
        grouped(board.late())
    )?;
    writeln!(
        out,
        "  atomic: {} flows, none held by two workers at once, each in order",
        plan.flows
    )?;
    writeln!(out, "  directed: in order of each sender")?;
    writeln!(
        out,
        "  unordered: {} of {} workers took part",
        workers.len(),
        workers.len()
    )
}

fn line(out: &mut String, name: &str, row: &Row) -> std::fmt::Result {
    writeln!(
        out,
        "  {name:<12} {:>10} {:>10} {:>10} {:>10} {:>11} {:>9} {:>10.4}",
        grouped(row.received),
        grouped(row.sent),
        grouped(row.elements),
        grouped(row.lines),
        grouped(row.empty),
        grouped(row.system_calls),
        ratio(row.system_calls, row.received + row.sent),
    )
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

fn per_second(count: u64, nanoseconds: u64) -> u64 {
    (ratio(count, nanoseconds) * 1e9) as u64
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [0, 999, 1000, 1234567].map(grouped),
            ["0", "999", "1,000", "1,234,567"].map(String::from)
        );
    }

    #[test]
    fn an_empty_board_passes_no_check() {
        let dir = tempfile::tempdir().unwrap();
        let board = Board::create(&dir.path().join("board"), 1).unwrap();
        let plan = Plan {
            events: 1,
            window: 1,
            flows: 1,
            work: 0,
            rated: 0,
        };
        assert!(check(&board, &plan).is_err());
        board.end(0, &Default::default());
        board.end(1, &Default::default());
        board.end(2, &Default::default());
        assert!(check(&board, &plan)
            .unwrap_err()
            .to_string()
            .contains("sent by the source"));
    }
}
