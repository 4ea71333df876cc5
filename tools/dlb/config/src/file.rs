// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! Topology files: TOML with the names of the configfs tree.
//!
//! ```toml
//! [devices.dlb0]
//! sequence_numbers = [64, 512]        # per ordered queue, for group 0 and 1
//! cos_bandwidth = [40, 20, 20, 20]    # percent, for class 0 to 3
//! num_vfs = 2                         # virtual functions
//!
//! [devices.dlb0.tuning]
//! cq_watchdog_seconds = 40
//!
//! [devices.dlb0.vfs.0]                # what the first has; the second has nothing
//! num_sched_domains = 4
//! num_ldb_queues = 8
//! num_ldb_ports = 16
//!
//! [domains.packets]
//! device = "dlb0"
//! num_ldb_credits = 1024
//!
//! [domains.packets.ldb_queues.in]
//! num_sequence_numbers = 512
//!
//! [domains.packets.ldb_ports.worker0]
//! links = { in = 0 }                  # queue = priority
//!
//! [domains.packets.dir_queues.out]
//! [domains.packets.dir_ports.tx]
//! queue = "out"
//! ```
//!
//! Whatever is left out has the driver's default; a domain is enabled unless it says
//! `enable = false`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use toml::de::{DeTable, DeValue};
use toml::Spanned;

use crate::schema::{self, Form, Kind, TUNING, VFS};
use crate::system::RESOURCES;
use crate::topology::{is_class, DeviceSettings, Domain, Object, Place, Problem, Share, Topology};

/// Reads a topology from the text of a file called `file`.
///
/// # Errors
///
/// All that is wrong with it.
pub fn parse(file: &str, text: &str) -> Result<Topology, Vec<Problem>> {
    let mut reader = Reader {
        file,
        lines: Lines::new(text),
        problems: Vec::new(),
    };
    let topology = match DeTable::parse(text) {
        Ok(table) => reader.topology(table.get_ref()),
        Err(error) => {
            reader.problems.push(Problem {
                place: error.span().map(|span| reader.place(span.start)),
                object: String::new(),
                attribute: None,
                reason: error.message().replace('\n', ", "),
            });
            Topology::default()
        }
    };
    if reader.problems.is_empty() {
        reader.problems = topology.domains.values().flat_map(Domain::check).collect();
    }
    if reader.problems.is_empty() {
        Ok(topology)
    } else {
        Err(reader.problems)
    }
}

/// Finds the line of a byte.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Lines(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    fn line(&self, byte: usize) -> usize {
        self.0.partition_point(|end| *end < byte) + 1
    }
}

struct Reader<'a> {
    file: &'a str,
    lines: Lines,
    problems: Vec<Problem>,
}

type Value<'t> = Spanned<DeValue<'t>>;

impl Reader<'_> {
    fn place(&self, byte: usize) -> Place {
        Place {
            file: self.file.to_string(),
            line: self.lines.line(byte),
        }
    }

    fn wrong<T>(&mut self, at: &Spanned<T>, object: &str, attribute: Option<&str>, reason: &str) {
        let problem = Problem {
            place: Some(self.place(at.span().start)),
            object: object.to_string(),
            attribute: attribute.map(str::to_string),
            reason: reason.to_string(),
        };
        self.problems.push(problem);
    }

    /// The table that `value` must be.
    fn table<'v, 't>(
        &mut self,
        value: &'v Value<'t>,
        object: &str,
        name: Option<&str>,
    ) -> Option<&'v DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(value, object, name, "must be a table");
        }
        table
    }

    fn topology(&mut self, table: &DeTable<'_>) -> Topology {
        let mut topology = Topology::default();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "domains" => {
                    for (name, value) in
                        self.table(value, "", Some("domains")).into_iter().flatten()
                    {
                        if let Some(domain) = self.domain(name, value) {
                            topology.domains.insert(domain.name().to_string(), domain);
                        }
                    }
                }
                "devices" => {
                    for (name, value) in
                        self.table(value, "", Some("devices")).into_iter().flatten()
                    {
                        let settings = self.device(name, value);
                        topology
                            .devices
                            .insert(name.get_ref().to_string(), settings);
                    }
                }
                other => {
                    self.wrong(
                        key,
                        "",
                        Some(other),
                        "is unknown: there are domains and devices",
                    );
                }
            }
        }
        topology
    }

    fn device(
        &mut self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Value<'_>,
    ) -> DeviceSettings {
        let mut settings = DeviceSettings {
            place: Some(self.place(name.span().start)),
            ..Default::default()
        };
        let device = name.get_ref().as_ref();
        if device == "auto" || Form::Device.canonical(device).is_err() {
            self.wrong(
                name,
                device,
                None,
                "is not the name of a device, such as dlb0",
            );
        }
        let Some(table) = self.table(value, device, None) else {
            return settings;
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "sequence_numbers" => {
                    let form = Form::OneOf(&[64, 128, 256, 512, 1024]);
                    settings.sequence_numbers =
                        self.numbers(value, device, "sequence_numbers", 2, form);
                }
                "cos_bandwidth" => {
                    let form = Form::Number(0, 100);
                    settings.cos_bandwidth = self.numbers(value, device, "cos_bandwidth", 4, form);
                    if settings.cos_bandwidth.values().sum::<u32>() > 100 {
                        let reason = "must not be more than 100 percent in all";
                        self.wrong(value, device, Some("cos_bandwidth"), reason);
                    }
                }
                "tuning" => {
                    let table = self.table(value, device, Some("tuning"));
                    for (key, value) in table.into_iter().flatten() {
                        self.tuning(&mut settings, device, key, value);
                    }
                }
                "num_vfs" => {
                    let form = Form::Number(0, VFS);
                    settings.num_vfs = self.number(value, device, "num_vfs", form);
                }
                "vfs" => {
                    let table = self.table(value, device, Some("vfs"));
                    for (key, value) in table.into_iter().flatten() {
                        self.share(&mut settings, device, key, value);
                    }
                }
                other => self.wrong(
                    key,
                    device,
                    Some(other),
                    "is no setting of a device: there are sequence_numbers, cos_bandwidth, \
                     num_vfs, vfs and tuning",
                ),
            }
        }
        match (settings.num_vfs, settings.vfs.last_key_value()) {
            (Some(count), Some((last, share))) if *last >= count => self.problems.push(Problem {
                place: share.place.clone(),
                object: format!("{device}/vfs/{last}"),
                attribute: None,
                reason: format!("is beyond num_vfs, which is {count}"),
            }),
            // Where what they have is said, so many are meant.
            (None, Some((last, _))) => settings.num_vfs = Some(last + 1),
            _ => (),
        }
        settings
    }

    fn tuning(
        &mut self,
        settings: &mut DeviceSettings,
        device: &str,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Value<'_>,
    ) {
        let object = format!("{device}/tuning");
        let word = key.get_ref().as_ref();
        let Some((name, form)) = TUNING.iter().find(|(name, _)| *name == word) else {
            let names: Vec<_> = TUNING.iter().map(|(name, _)| *name).collect();
            let reason = format!("is unknown: there are {}", names.join(", "));
            return self.wrong(key, &object, Some(word), &reason);
        };
        if let Some(other) = schema::other_way(name).filter(|o| settings.tuning.contains_key(o)) {
            let reason = format!("says the same as {other}: give one of the two");
            return self.wrong(key, &object, Some(word), &reason);
        }
        match plain(value.get_ref()).and_then(|text| form.canonical(&text)) {
            Ok(text) => {
                settings.tuning.insert(name, text);
            }
            Err(reason) => self.wrong(value, &object, Some(word), &reason),
        }
    }

    /// What one virtual function shall have.
    fn share(
        &mut self,
        settings: &mut DeviceSettings,
        device: &str,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Value<'_>,
    ) {
        let object = format!("{device}/vfs/{}", key.get_ref());
        let vf = Form::Number(0, VFS - 1)
            .canonical(key.get_ref())
            .ok()
            .filter(|text| text == key.get_ref().as_ref())
            .and_then(|text| text.parse().ok());
        let Some(vf) = vf else {
            let reason = format!("is no number of a virtual function, from 0 to {}", VFS - 1);
            return self.wrong(key, &object, None, &reason);
        };
        let mut share = Share {
            place: Some(self.place(key.span().start)),
            ..Share::default()
        };
        let Some(table) = self.table(value, &object, None) else {
            return;
        };
        for (key, value) in table {
            let word = key.get_ref().as_ref();
            let Some(name) = RESOURCES.iter().find(|name| **name == word) else {
                let reason = format!("is no resource: there are {}", RESOURCES.join(", "));
                self.wrong(key, &object, Some(word), &reason);
                continue;
            };
            let form = Form::Number(0, 65535);
            if let Some(count) = self.number(value, &object, word, form) {
                share.resources.insert(name, count);
            }
        }
        if !share.by_class() && share.resources.keys().any(|name| is_class(name)) {
            let reason = "is the sum over all classes of service: give either it or the classes";
            self.wrong(key, &object, Some("num_ldb_ports"), reason);
        }
        settings.vfs.insert(vf, share);
    }

    fn number(&mut self, value: &Value<'_>, object: &str, name: &str, form: Form) -> Option<u32> {
        match plain(value.get_ref()).and_then(|text| form.canonical(&text)) {
            Ok(text) => text.parse().ok(),
            Err(reason) => {
                self.wrong(value, object, Some(name), &reason);
                None
            }
        }
    }

    /// A list of numbers, one for each of `count` things.
    fn numbers(
        &mut self,
        value: &Value<'_>,
        object: &str,
        name: &str,
        count: usize,
        form: Form,
    ) -> BTreeMap<u32, u32> {
        let Some(array) = value
            .get_ref()
            .as_array()
            .filter(|array| array.len() == count)
        else {
            self.wrong(
                value,
                object,
                Some(name),
                &format!("must be a list of {count} numbers"),
            );
            return BTreeMap::new();
        };
        let mut numbers = BTreeMap::new();
        for (at, value) in array.iter().enumerate() {
            let canonical = plain(value.get_ref()).and_then(|text| form.canonical(&text));
            match canonical.map(|text| text.parse()) {
                Ok(Ok(number)) => {
                    numbers.insert(at as u32, number);
                }
                Ok(Err(_)) => self.wrong(value, object, Some(name), "must be numbers"),
                Err(reason) => self.wrong(value, object, Some(name), &reason),
            }
        }
        numbers
    }

    fn domain(
        &mut self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Value<'_>,
    ) -> Option<Domain> {
        let mut domain = Domain::new(name.get_ref());
        domain.object.place = Some(self.place(name.span().start));
        if let Err(reason) = schema::name(name.get_ref()) {
            self.wrong(name, name.get_ref(), Some("name"), &reason);
            return None;
        }
        for (key, value) in self.table(value, name.get_ref(), None)? {
            let word = key.get_ref().as_ref();
            if word == "enable" {
                match value.get_ref().as_bool() {
                    Some(enable) => domain.enable = enable,
                    None => self.wrong(value, name.get_ref(), Some(word), "must be true or false"),
                }
            } else if let Some(kind) = Kind::SHELVES.into_iter().find(|kind| kind.shelf() == word) {
                let shelf = self.table(value, name.get_ref(), Some(word));
                for (name, value) in shelf.into_iter().flatten() {
                    if let Some(object) = self.object(&domain, kind, name, value) {
                        domain.add(object);
                    }
                }
            } else {
                let path = domain.path_of(&domain.object);
                self.attribute(&mut domain.object, &path, key, value);
            }
        }
        Some(domain)
    }

    fn object(
        &mut self,
        domain: &Domain,
        kind: Kind,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Value<'_>,
    ) -> Option<Object> {
        let mut object = Object::new(kind, name.get_ref());
        object.place = Some(self.place(name.span().start));
        let path = domain.path_of(&object);
        if let Err(reason) = schema::name(name.get_ref()) {
            self.wrong(name, &path, Some("name"), &reason);
            return None;
        }
        for (key, value) in self.table(value, &path, None)? {
            self.attribute(&mut object, &path, key, value);
        }
        Some(object)
    }

    fn attribute(
        &mut self,
        object: &mut Object,
        path: &str,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Value<'_>,
    ) {
        let name = key.get_ref().as_ref();
        let Some(attribute) = object.kind.attribute(name) else {
            let names: Vec<_> = object.kind.attributes().iter().map(|a| a.name).collect();
            let reason = format!(
                "is no attribute of a {}: there are {}",
                object.kind,
                names.join(", ")
            );
            self.wrong(key, path, Some(name), &reason);
            return;
        };
        let text = match attribute.form {
            Form::Links => link_text(value.get_ref()),
            _ => plain(value.get_ref()),
        };
        match text.and_then(|text| object.set(name, &text)) {
            Ok(()) => {
                object
                    .places
                    .insert(attribute.name, self.place(key.span().start));
            }
            Err(reason) => self.wrong(value, path, Some(name), &reason),
        }
    }
}

/// A number, word or switch as configfs wants it.
fn plain(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Boolean(switch) => Ok(u8::from(*switch).to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(|number| number.to_string())
            .map_err(|_| "is too large".to_string()),
        other => Err(format!("must not be a {}", other.type_str())),
    }
}

/// Links, given as `{ queue = priority }`, `["queue:priority"]` or `"queue:priority ..."`.
fn link_text(value: &DeValue<'_>) -> Result<String, String> {
    let words: Vec<String> = match value {
        DeValue::Table(table) => table
            .iter()
            .map(|(queue, priority)| {
                plain(priority.get_ref()).map(|priority| format!("{}:{priority}", queue.get_ref()))
            })
            .collect::<Result<_, _>>()?,
        DeValue::Array(array) => array
            .iter()
            .map(|word| plain(word.get_ref()))
            .collect::<Result<_, _>>()?,
        DeValue::String(text) => vec![text.to_string()],
        other => return Err(format!("must not be a {}", other.type_str())),
    };
    Ok(words.join(" "))
}

/// Writes a topology so that [`parse`] reads the same. The same topology always gives the same
/// text; what has its default is left out.
pub fn format(topology: &Topology) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_topology(&mut out, topology);
    out
}

fn write_topology(out: &mut String, topology: &Topology) -> std::fmt::Result {
    for (name, settings) in &topology.devices {
        section(out, &["devices", name])?;
        for (key, values) in [
            ("sequence_numbers", &settings.sequence_numbers),
            ("cos_bandwidth", &settings.cos_bandwidth),
        ] {
            if !values.is_empty() {
                let words: Vec<_> = values.values().map(u32::to_string).collect();
                writeln!(out, "{key} = [{}]", words.join(", "))?;
            }
        }
        if let Some(count) = settings.num_vfs {
            writeln!(out, "num_vfs = {count}")?;
        }
        if !settings.tuning.is_empty() {
            section(out, &["devices", name, "tuning"])?;
        }
        for (key, value) in &settings.tuning {
            if value.parse::<u32>().is_ok() {
                writeln!(out, "{key} = {value}")?;
            } else {
                writeln!(out, "{key} = \"{value}\"")?;
            }
        }
        for (vf, share) in &settings.vfs {
            section(out, &["devices", name, "vfs", &vf.to_string()])?;
            for (resource, count) in &share.resources {
                writeln!(out, "{resource} = {count}")?;
            }
        }
    }
    for domain in topology.domains.values() {
        section(out, &["domains", domain.name()])?;
        if !domain.enable {
            writeln!(out, "enable = false")?;
        }
        attributes(out, &domain.object)?;
        for object in domain.objects() {
            section(
                out,
                &["domains", domain.name(), object.kind.shelf(), &object.name],
            )?;
            attributes(out, object)?;
        }
    }
    Ok(())
}

fn section(out: &mut String, path: &[&str]) -> std::fmt::Result {
    if !out.is_empty() {
        writeln!(out)?;
    }
    let keys: Vec<_> = path.iter().map(|key| quoted(key)).collect();
    writeln!(out, "[{}]", keys.join("."))
}

/// A key, which needs quotes if there is a dot in it.
fn quoted(key: &str) -> String {
    if key.contains('.') {
        format!("\"{key}\"")
    } else {
        key.to_string()
    }
}

fn attributes(out: &mut String, object: &Object) -> std::fmt::Result {
    for attribute in object.kind.attributes() {
        let value = object.value(attribute.name);
        if value == attribute.default {
            continue;
        }
        write!(out, "{} = ", attribute.name)?;
        match attribute.form {
            Form::Switch => writeln!(out, "{}", value == "1")?,
            Form::Links => {
                let links: Vec<_> = object
                    .links()
                    .iter()
                    .map(|(queue, priority)| format!("{} = {priority}", quoted(queue)))
                    .collect();
                writeln!(out, "{{ {} }}", links.join(", "))?;
            }
            _ if value.parse::<u32>().is_ok() && !matches!(attribute.form, Form::Name) => {
                writeln!(out, "{value}")?;
            }
            _ => writeln!(out, "\"{value}\"")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"
# A comment.
[devices.dlb0]
sequence_numbers = [64, 512]
cos_bandwidth = [40, 20, 20, 20]

[domains.packets]
device = "dlb0"
num_ldb_credits = 1024
cos_strict = true

[domains.packets.ldb_queues.in]
num_sequence_numbers = 512

[domains.packets.ldb_ports."worker.0"]
links = { in = 3 }
cos = 2

[domains.packets.dir_queues.out]
[domains.packets.dir_ports.tx]
queue = "out"
"#;

    fn problems(text: &str) -> Vec<String> {
        parse("x.toml", text)
            .unwrap_err()
            .iter()
            .map(Problem::to_string)
            .collect()
    }

    #[test]
    fn an_example_is_read() {
        let topology = parse("x.toml", EXAMPLE).unwrap();
        let domain = &topology.domains["packets"];
        assert!(domain.enable);
        assert_eq!(domain.object.value("num_ldb_credits"), "1024");
        assert_eq!(domain.object.value("cos_strict"), "1");
        assert_eq!(domain.object.value("lifetime"), "directory");
        let port = &domain.shelf(Kind::LdbPort)["worker.0"];
        assert_eq!(port.value("links"), "in:3");
        assert_eq!(port.place_of("links").unwrap().to_string(), "x.toml:16");
        assert_eq!(domain.consumers()["out"], "tx");
        assert_eq!(topology.devices["dlb0"].sequence_numbers[&1], 512);
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let topology = parse("x.toml", EXAMPLE).unwrap();
        let text = format(&topology);
        assert_eq!(format(&parse("y.toml", &text).unwrap()), text);
        assert!(text.contains("links = { in = 3 }"), "{text}");
        assert!(
            text.contains("[domains.packets.ldb_ports.\"worker.0\"]"),
            "{text}"
        );
    }

    #[test]
    fn problems_name_file_line_object_and_attribute() {
        for (text, expected) in [
            ("[domains.a]\n\ncq = 1", "x.toml:3: a: cq is no attribute of a domain: there are"),
            ("[domains.a]\ndevice = 3", "x.toml:2: a: device must be auto or"),
            ("[domains.a]\nenable = 1", "x.toml:2: a: enable must be true or false"),
            ("[domains.\"a b\"]", "x.toml:1: a b: name must be 1 to 63"),
            (
                "[domains.a.ldb_ports.p]\ncq_depth = 48",
                "x.toml:2: a/ldb_ports/p: cq_depth must be a power of two from 1 to 1024",
            ),
            (
                "[domains.a.ldb_ports.p]\nlinks = { q = 0 }",
                "x.toml:2: a/ldb_ports/p: links names `q`, which is no load-balanced queue",
            ),
            (
                "[domains.a.dir_queues.d]\n",
                "x.toml:1: a/dir_queues/d: port must name a directed port, or be named by one",
            ),
            (
                "[domains.a.ldb_ports.p]\ncq_depth = 8\ncq_depth_threshold = 9",
                "x.toml:3: a/ldb_ports/p: cq_depth_threshold must not be above cq_depth, which is 8",
            ),
            ("[domains.a.ldb_queues]\nq = 1", "x.toml:2: a/ldb_queues/q: must be a table"),
            ("[domain.a]", "x.toml:1: domain is unknown: there are domains and devices"),
            ("[domains.a\n", "x.toml:1: "),
            ("[devices.x]", "x.toml:1: x: is not the name of a device"),
            ("[devices.dlb0]\ncos_bandwidth = [50, 50, 50, 0]", "x.toml:2: dlb0: cos_bandwidth must not"),
            ("[devices.dlb0]\nsequence_numbers = [64]", "must be a list of 2 numbers"),
            ("[domains.a]\nnum_credits = 99999999999999999999", "num_credits is too large"),
            ("[domains.a]\nnum_credits = 1.5", "num_credits must not be a float"),
        ] {
            let found = problems(text);
            assert!(found[0].contains(expected), "{text}:\n{found:?}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        assert_eq!(problems("[domains.a]\nx = 1\ny = 2\n").len(), 2);
    }

    #[test]
    fn contradicting_pairs_are_refused() {
        let text = "[domains.a.dir_queues.d]\nport = \"p\"\n[domains.a.dir_ports.p]\n\
                    [domains.a.dir_ports.r]\nqueue = \"d\"";
        assert!(problems(text)[0].contains("port `r` names the queue"));
        let text = "[domains.a.dir_queues.d]\nport = \"p\"\n[domains.a.dir_queues.e]\n\
                    [domains.a.dir_ports.p]\nqueue = \"e\"";
        assert!(problems(text)[0].contains("that port names queue `e`"));
        let text = "[domains.a.dir_queues.d]\n[domains.a.dir_ports.p]\nqueue = \"d\"\n\
                    [domains.a.dir_ports.r]\nqueue = \"d\"";
        assert!(problems(text)[0].contains("which port `p` has already"));
        let text = "[domains.a.ldb_ports.p]\n[domains.a.dir_ports.p]";
        assert!(problems(text)[0].contains("must not have the name of a directed port"));
    }
}
