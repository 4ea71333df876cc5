// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! What there is to configure: every attribute of the configfs tree, once.
//!
//! Reading, writing, checking and saving all follow these tables.

use std::fmt;

/// A kind of object in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A scheduling domain.
    Domain,
    /// A load-balanced queue.
    LdbQueue,
    /// A directed queue.
    DirQueue,
    /// A load-balanced port.
    LdbPort,
    /// A directed port.
    DirPort,
}

impl Kind {
    /// The kinds that live inside a domain, in the order in which they are made.
    pub const SHELVES: [Kind; 4] = [Kind::LdbQueue, Kind::DirQueue, Kind::LdbPort, Kind::DirPort];

    /// The directory that holds objects of this kind, in configfs and in a topology file.
    pub fn shelf(self) -> &'static str {
        match self {
            Kind::Domain => "domains",
            Kind::LdbQueue => "ldb_queues",
            Kind::DirQueue => "dir_queues",
            Kind::LdbPort => "ldb_ports",
            Kind::DirPort => "dir_ports",
        }
    }

    /// The attributes that describe an object of this kind.
    pub fn attributes(self) -> &'static [Attribute] {
        match self {
            Kind::Domain => DOMAIN,
            Kind::LdbQueue => LDB_QUEUE,
            Kind::DirQueue => DIR_QUEUE,
            Kind::LdbPort => LDB_PORT,
            Kind::DirPort => DIR_PORT,
        }
    }

    /// The attribute called `name`.
    pub fn attribute(self, name: &str) -> Option<&'static Attribute> {
        self.attributes()
            .iter()
            .find(|attribute| attribute.name == name)
    }

    /// The attributes that an object of this kind reports, beside those that describe it.
    pub fn reports(self) -> &'static [&'static str] {
        match self {
            Kind::Domain => &["state", "error", "id", "owner", "alerts"],
            Kind::LdbQueue => &["id", "depth", "inflights", "atomic_active", "enqueued"],
            Kind::DirQueue => &["id", "depth", "enqueued"],
            Kind::LdbPort => &[
                "id",
                "dev",
                "pending_unlinks",
                "cq_occupancy",
                "inflights",
                "scheduled",
            ],
            Kind::DirPort => &["id", "dev", "cq_occupancy", "scheduled"],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Domain => "domain",
            Kind::LdbQueue => "load-balanced queue",
            Kind::DirQueue => "directed queue",
            Kind::LdbPort => "load-balanced port",
            Kind::DirPort => "directed port",
        })
    }
}

/// An attribute that describes an object.
#[derive(Debug)]
pub struct Attribute {
    /// Its name in configfs and in a topology file.
    pub name: &'static str,
    /// What it can hold.
    pub form: Form,
    /// What it holds in a fresh directory.
    pub default: &'static str,
    /// Whether it can be changed while the domain is enabled.
    pub live: bool,
}

/// What an attribute can hold.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A number from the first to the second.
    Number(u32, u32),
    /// The same, or `auto`.
    NumberOrAuto(u32, u32),
    /// One of these numbers.
    OneOf(&'static [u32]),
    /// A power of two up to this.
    PowerOfTwo(u32),
    /// 0 or 1.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `auto` or the name of a device.
    Device,
    /// `any` or the number of a class of service.
    Class,
    /// The name of an object of the same domain, or nothing.
    Name,
    /// A list of `queue:priority`.
    Links,
    /// Four numbers from 0 to 255, none less than the one before it.
    Weights,
}

const fn fixed(name: &'static str, form: Form, default: &'static str) -> Attribute {
    Attribute {
        name,
        form,
        default,
        live: false,
    }
}

const fn live(name: &'static str, form: Form, default: &'static str) -> Attribute {
    Attribute {
        name,
        form,
        default,
        live: true,
    }
}

const fn count(name: &'static str) -> Attribute {
    fixed(name, Form::NumberOrAuto(0, u32::MAX), "auto")
}

const DOMAIN: &[Attribute] = &[
    fixed("device", Form::Device, "auto"),
    fixed("lifetime", Form::Word(&["directory", "file"]), "directory"),
    count("num_ldb_credits"),
    count("num_dir_credits"),
    count("num_credits"),
    count("num_hist_list_entries"),
    count("num_atomic_inflights"),
    count("num_sn0_slots"),
    count("num_sn1_slots"),
    count("num_cos0_ldb_ports"),
    count("num_cos1_ldb_ports"),
    count("num_cos2_ldb_ports"),
    count("num_cos3_ldb_ports"),
    fixed("cos_strict", Form::Switch, "0"),
    live("scheduling", Form::Switch, "1"),
];

const LDB_QUEUE: &[Attribute] = &[
    fixed(
        "num_sequence_numbers",
        Form::OneOf(&[0, 64, 128, 256, 512, 1024]),
        "0",
    ),
    fixed("num_qid_inflights", Form::NumberOrAuto(1, 2048), "auto"),
    fixed("num_atomic_inflights", Form::Number(0, 2048), "64"),
    fixed(
        "lock_id_comp_level",
        Form::OneOf(&[0, 64, 128, 256, 512, 1024, 2048, 4096, 65536]),
        "0",
    ),
    fixed("depth_threshold", Form::Number(0, 8191), "256"),
];

const DIR_QUEUE: &[Attribute] = &[
    fixed("depth_threshold", Form::Number(0, 8191), "256"),
    fixed("port", Form::Name, ""),
];

const LDB_PORT: &[Attribute] = &[
    fixed("cq_depth", Form::PowerOfTwo(1024), "64"),
    fixed("cq_history_list_size", Form::NumberOrAuto(1, 2048), "auto"),
    fixed("cq_depth_threshold", Form::Number(1, 1024), "1"),
    fixed("cos", Form::Class, "any"),
    fixed("cos_strict", Form::Switch, "0"),
    fixed("cq_weight_limit", Form::Number(0, 1024), "0"),
    fixed("inflight_threshold", Form::Number(0, 2048), "0"),
    live("links", Form::Links, ""),
    live("enabled", Form::Switch, "1"),
];

const DIR_PORT: &[Attribute] = &[
    fixed("cq_depth", Form::PowerOfTwo(1024), "64"),
    fixed("cq_depth_threshold", Form::Number(1, 1024), "1"),
    fixed("producer", Form::Switch, "0"),
    fixed("queue", Form::Name, ""),
    live("enabled", Form::Switch, "1"),
];

/// What can be set of how a device works, by its name in `tuning` of the device.
pub const TUNING: &[(&str, Form)] = &[
    ("cq_layout", Form::Word(&["sparse", "packed"])),
    ("cq_watchdog_seconds", Form::OneOf(&[0, 1, 10, 40])),
    ("qe_sa_pct", Form::Number(0, 100)),
    ("qid_sa_pct", Form::Number(0, 100)),
    ("qe_weights", Form::Weights),
    ("qid_weights", Form::Weights),
    ("qidx_wrr_weight", Form::Number(0, 7)),
];

/// The other way to say what a setting of [`TUNING`] says: writing one replaces the other.
pub fn other_way(tuning: &str) -> Option<&'static str> {
    match tuning {
        "qe_sa_pct" => Some("qe_weights"),
        "qe_weights" => Some("qe_sa_pct"),
        "qid_sa_pct" => Some("qid_weights"),
        "qid_weights" => Some("qid_sa_pct"),
        _ => None,
    }
}

/// Whether a setting of [`TUNING`] is a percentage, which reads -1 after weights were written.
pub fn is_percent(tuning: &str) -> bool {
    tuning.ends_with("_pct")
}

/// Virtual functions that a device can have, at most.
pub const VFS: u32 = 16;

/// The names of the links of a load-balanced port, at most.
pub const LINKS: usize = 8;

impl Form {
    /// Checks a value, and brings it into the form in which it is compared and saved.
    ///
    /// # Errors
    ///
    /// What would have been right, as the end of a sentence.
    pub fn canonical(self, text: &str) -> Result<String, String> {
        let text = text.trim();
        let number = |low: u32, high: u32| match text.parse::<u32>() {
            Ok(number) if (low..=high).contains(&number) => Ok(number.to_string()),
            Ok(_) | Err(_) if high == u32::MAX => Err("must be a number".to_string()),
            Ok(_) | Err(_) => Err(format!("must be a number from {low} to {high}")),
        };
        let list = |values: &[u32]| {
            let words: Vec<_> = values.iter().map(u32::to_string).collect();
            words.join(", ")
        };
        match self {
            Form::Number(low, high) => number(low, high),
            Form::NumberOrAuto(..) if text == "auto" => Ok(text.to_string()),
            Form::NumberOrAuto(low, high) => {
                number(low, high).map_err(|reason| format!("{reason}, or auto"))
            }
            Form::OneOf(values) => match text.parse::<u32>() {
                Ok(number) if values.contains(&number) => Ok(number.to_string()),
                _ => Err(format!("must be one of {}", list(values))),
            },
            Form::PowerOfTwo(high) => match text.parse::<u32>() {
                Ok(number) if number.is_power_of_two() && number <= high => Ok(number.to_string()),
                _ => Err(format!("must be a power of two from 1 to {high}")),
            },
            Form::Switch => match text {
                "0" | "1" => Ok(text.to_string()),
                _ => Err("must be true or false (1 or 0)".to_string()),
            },
            Form::Word(words) if words.contains(&text) => Ok(text.to_string()),
            Form::Word(words) => Err(format!("must be {}", words.join(" or "))),
            Form::Device => {
                let number = text.strip_prefix("dlb").unwrap_or_default();
                if text == "auto"
                    || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
                {
                    Ok(text.to_string())
                } else {
                    Err("must be auto or the name of a device, such as dlb0".to_string())
                }
            }
            Form::Class if text == "any" => Ok(text.to_string()),
            Form::Class => number(0, 3).map_err(|reason| format!("{reason}, or any")),
            Form::Name if text.is_empty() => Ok(String::new()),
            Form::Name => name(text).map(|()| text.to_string()),
            Form::Links => links(text).map(|links| text_of(&links)),
            Form::Weights => {
                let weights: Option<Vec<u8>> = text
                    .split_ascii_whitespace()
                    .map(|word| word.parse().ok())
                    .collect();
                match weights {
                    Some(weights) if weights.len() == 4 && weights.is_sorted() => {
                        let words: Vec<_> = weights.iter().map(u8::to_string).collect();
                        Ok(words.join(" "))
                    }
                    _ => Err(
                        "is not four numbers from 0 to 255, none less than the one before it"
                            .to_string(),
                    ),
                }
            }
        }
    }
}

/// Checks the name of an object.
///
/// # Errors
///
/// What would have been right, as the end of a sentence.
pub fn name(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if text.is_empty()
        || text.len() > 63
        || !text.chars().all(allowed)
        || text.starts_with(['.', '-'])
    {
        return Err(
            "must be 1 to 63 letters, digits, dots, dashes and underscores, and not start \
                    with a dot or a dash"
                .to_string(),
        );
    }
    Ok(())
}

/// A link of a load-balanced port: a queue and its priority, 0 (highest) to 7.
pub type Link = (String, u8);

/// Takes a list of links apart, and sorts it by queue.
///
/// # Errors
///
/// What would have been right, as the end of a sentence.
pub fn links(text: &str) -> Result<Vec<Link>, String> {
    let mut links = Vec::new();
    for word in text.split_whitespace() {
        let Some((queue, priority)) = word.split_once(':') else {
            return Err(format!(
                "must be a list of queue:priority, which `{word}` is not"
            ));
        };
        name(queue).map_err(|reason| format!("names a queue, which {reason}"))?;
        let priority = priority
            .parse()
            .ok()
            .filter(|priority| *priority < 8)
            .ok_or_else(|| format!("has a priority of `{priority}`, which must be from 0 to 7"))?;
        if links.iter().any(|(other, _)| other == queue) {
            return Err(format!("must not name queue `{queue}` twice"));
        }
        links.push((queue.to_string(), priority));
    }
    if links.len() > LINKS {
        return Err(format!("must not have more than {LINKS} queues"));
    }
    links.sort();
    Ok(links)
}

/// The opposite of [`links`].
pub fn text_of(links: &[Link]) -> String {
    let words: Vec<_> = links
        .iter()
        .map(|(queue, priority)| format!("{queue}:{priority}"))
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_its_own_canonical_form() {
        for kind in Kind::SHELVES.into_iter().chain([Kind::Domain]) {
            for attribute in kind.attributes() {
                let canonical = attribute.form.canonical(attribute.default);
                assert_eq!(
                    canonical.as_deref(),
                    Ok(attribute.default),
                    "{}",
                    attribute.name
                );
            }
        }
    }

    #[test]
    fn values_out_of_range_are_refused_with_the_range() {
        for (form, value, reason) in [
            (Form::Number(0, 8191), "8192", "from 0 to 8191"),
            (Form::NumberOrAuto(1, 2048), "0", "or auto"),
            (
                Form::NumberOrAuto(0, u32::MAX),
                "4294967296",
                "must be a number, or auto",
            ),
            (Form::OneOf(&[0, 64]), "32", "one of 0, 64"),
            (Form::PowerOfTwo(1024), "48", "power of two"),
            (Form::PowerOfTwo(1024), "2048", "1024"),
            (Form::Switch, "2", "true or false"),
            (
                Form::Word(&["directory", "file"]),
                "File",
                "directory or file",
            ),
            (Form::Device, "dlb", "such as dlb0"),
            (Form::Class, "4", "or any"),
            (Form::Name, ".hidden", "start"),
            (Form::Weights, "1 2 3", "four numbers"),
            (Form::Weights, "1 2 3 256", "four numbers"),
            (Form::Weights, "2 1 3 4", "four numbers"),
            (Form::Links, "a", "queue:priority"),
            (Form::Links, "a:8", "0 to 7"),
            (Form::Links, "a:1 a:2", "twice"),
            (
                Form::Links,
                "a:0 b:0 c:0 d:0 e:0 f:0 g:0 h:0 i:0",
                "more than 8",
            ),
        ] {
            let refused = form.canonical(value).unwrap_err();
            assert!(refused.contains(reason), "{value}: {refused}");
        }
    }

    #[test]
    fn links_are_compared_in_one_order() {
        assert_eq!(
            Form::Links.canonical(" b:1  a:0 ").as_deref(),
            Ok("a:0 b:1")
        );
    }
}
