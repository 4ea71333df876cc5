// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! What somebody wants, or what there is: domains with their queues and ports.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::schema::{self, Kind, Link};
use crate::system::RESOURCES;

/// Where something was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The topology file.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A domain, queue or port: its name and what its attributes hold.
#[derive(Clone, Debug)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// What it is called.
    pub name: String,
    /// Those attributes that were given or read, in canonical form.
    pub values: BTreeMap<&'static str, String>,
    /// Where it was asked for.
    pub place: Option<Place>,
    /// Where its attributes were asked for.
    pub places: BTreeMap<&'static str, Place>,
}

impl Object {
    /// An object with nothing but defaults.
    pub fn new(kind: Kind, name: &str) -> Self {
        Object {
            kind,
            name: name.to_string(),
            values: BTreeMap::new(),
            place: None,
            places: BTreeMap::new(),
        }
    }

    /// What attribute `name` holds.
    ///
    /// # Panics
    ///
    /// If objects of this kind have no such attribute.
    pub fn value(&self, name: &str) -> &str {
        match self.values.get(name) {
            Some(value) => value,
            None => {
                self.kind
                    .attribute(name)
                    .expect("only known names are asked for")
                    .default
            }
        }
    }

    /// Sets attribute `name`.
    ///
    /// # Errors
    ///
    /// If it does not exist or cannot hold `value`, with the reason as the end of a sentence.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let attribute = self
            .kind
            .attribute(name)
            .ok_or_else(|| format!("is no attribute of a {}", self.kind))?;
        self.values
            .insert(attribute.name, attribute.form.canonical(value)?);
        Ok(())
    }

    /// The number in attribute `name`, or `None` for `auto`.
    ///
    /// # Panics
    ///
    /// As [`value`](Self::value).
    pub fn number(&self, name: &str) -> Option<u32> {
        self.value(name).parse().ok()
    }

    /// The links of a load-balanced port.
    pub fn links(&self) -> Vec<Link> {
        schema::links(self.value("links")).unwrap_or_default()
    }

    /// Where attribute `name` was asked for, or the whole object.
    pub fn place_of(&self, name: &str) -> Option<&Place> {
        self.places.get(name).or(self.place.as_ref())
    }

    /// Whether it holds the same values as `other`.
    pub fn same(&self, other: &Object) -> bool {
        self.kind
            .attributes()
            .iter()
            .all(|a| self.value(a.name) == other.value(a.name))
    }
}

/// A domain with what is in it.
#[derive(Clone, Debug)]
pub struct Domain {
    /// Its own attributes.
    pub object: Object,
    /// Whether it is, or shall be, enabled.
    pub enable: bool,
    /// Its queues and ports.
    pub children: BTreeMap<Kind, BTreeMap<String, Object>>,
}

impl Domain {
    /// An empty domain, to be enabled.
    pub fn new(name: &str) -> Self {
        Domain {
            object: Object::new(Kind::Domain, name),
            enable: true,
            children: Kind::SHELVES
                .into_iter()
                .map(|kind| (kind, BTreeMap::new()))
                .collect(),
        }
    }

    /// The name of the domain.
    pub fn name(&self) -> &str {
        &self.object.name
    }

    /// The objects of one kind, by name.
    ///
    /// # Panics
    ///
    /// If `kind` is not one that lives in a domain.
    pub fn shelf(&self, kind: Kind) -> &BTreeMap<String, Object> {
        &self.children[&kind]
    }

    /// Adds an object, or replaces it.
    pub fn add(&mut self, object: Object) {
        self.children
            .entry(object.kind)
            .or_default()
            .insert(object.name.clone(), object);
    }

    /// All objects inside, queues before ports.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.children.values().flat_map(BTreeMap::values)
    }

    /// The directed port of each directed queue that has one.
    pub fn consumers(&self) -> BTreeMap<&str, &str> {
        let mut consumers = BTreeMap::new();
        for queue in self.shelf(Kind::DirQueue).values() {
            if !queue.value("port").is_empty() {
                consumers.insert(queue.name.as_str(), queue.value("port"));
            }
        }
        for port in self.shelf(Kind::DirPort).values() {
            if !port.value("queue").is_empty() {
                consumers.insert(port.value("queue"), port.name.as_str());
            }
        }
        consumers
    }

    /// Checks what concerns several attributes, without looking at any device.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |object: &Object, attribute: &'static str, reason: String| {
            problems.push(Problem {
                place: object.place_of(attribute).cloned(),
                object: self.path_of(object),
                attribute: Some(attribute.to_string()),
                reason,
            });
        };

        let ldb_queues = self.shelf(Kind::LdbQueue);
        let (dir_queues, dir_ports) = (self.shelf(Kind::DirQueue), self.shelf(Kind::DirPort));
        for queue in ldb_queues.values() {
            let numbers = queue.number("num_sequence_numbers").unwrap_or(0);
            let inflights = queue.number("num_qid_inflights").unwrap_or(0);
            if numbers > 0 && inflights > numbers {
                wrong(
                    queue,
                    "num_qid_inflights",
                    format!("must not be above num_sequence_numbers, which is {numbers}"),
                );
            }
        }
        for port in self.shelf(Kind::LdbPort).values().chain(dir_ports.values()) {
            let depth = port.number("cq_depth").unwrap_or(0);
            if port.number("cq_depth_threshold").unwrap_or(0) > depth {
                wrong(
                    port,
                    "cq_depth_threshold",
                    format!("must not be above cq_depth, which is {depth}"),
                );
            }
        }
        for port in self.shelf(Kind::LdbPort).values() {
            let depth = port.number("cq_depth").unwrap_or(0);
            if port.number("cq_weight_limit").unwrap_or(0) > depth {
                wrong(
                    port,
                    "cq_weight_limit",
                    format!("must not be above cq_depth, which is {depth}"),
                );
            }
            for (queue, _) in port.links() {
                if !ldb_queues.contains_key(&queue) {
                    wrong(
                        port,
                        "links",
                        format!("names `{queue}`, which is no load-balanced queue of the domain"),
                    );
                }
            }
            if dir_ports.contains_key(&port.name) {
                let reason = "must not have the name of a directed port: their device files \
                              share a directory";
                wrong(port, "name", reason.to_string());
            }
            if port.name == "alerts" {
                wrong(
                    port,
                    "name",
                    "must not be alerts, which is a device file already".into(),
                );
            }
        }
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        for port in dir_ports.values() {
            if port.name == "alerts" {
                wrong(
                    port,
                    "name",
                    "must not be alerts, which is a device file already".into(),
                );
            }
            let queue = port.value("queue");
            if queue.is_empty() {
                continue;
            }
            if !dir_queues.contains_key(queue) {
                wrong(
                    port,
                    "queue",
                    format!("names `{queue}`, which is no directed queue of the domain"),
                );
            }
            if let Some(other) = taken.insert(queue, &port.name) {
                wrong(
                    port,
                    "queue",
                    format!("names `{queue}`, which port `{other}` has already"),
                );
            }
        }
        for queue in dir_queues.values() {
            let port = queue.value("port");
            match (port.is_empty(), taken.get(queue.name.as_str())) {
                (true, None) => {
                    wrong(
                        queue,
                        "port",
                        "must name a directed port, or be named by one".into(),
                    );
                }
                (false, Some(other)) if *other != port => {
                    wrong(
                        queue,
                        "port",
                        format!("names `{port}`, but port `{other}` names the queue"),
                    );
                }
                (false, _) => match dir_ports.get(port) {
                    None => wrong(
                        queue,
                        "port",
                        format!("names `{port}`, which is no directed port of the domain"),
                    ),
                    Some(object) => {
                        let back = object.value("queue");
                        if !back.is_empty() && back != queue.name {
                            wrong(
                                queue,
                                "port",
                                format!("names `{port}`, but that port names queue `{back}`"),
                            );
                        }
                    }
                },
                (true, Some(_)) => (),
            }
        }
        problems
    }

    /// How messages call an object of the domain.
    pub fn path_of(&self, object: &Object) -> String {
        match object.kind {
            Kind::Domain => object.name.clone(),
            kind => format!("{}/{}/{}", self.name(), kind.shelf(), object.name),
        }
    }
}

/// Several domains.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// The domains, by name.
    pub domains: BTreeMap<String, Domain>,
    /// Settings of devices, by name.
    pub devices: BTreeMap<String, DeviceSettings>,
}

/// What can be set on a device as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceSettings {
    /// Sequence numbers per ordered queue, for each group.
    pub sequence_numbers: BTreeMap<u32, u32>,
    /// Bandwidth of each class of service, in percent.
    pub cos_bandwidth: BTreeMap<u32, u32>,
    /// How it works as a whole: what its files in `tuning` hold.
    pub tuning: BTreeMap<&'static str, String>,
    /// How many virtual functions are on. If it is not said, they are left alone.
    pub num_vfs: Option<u32>,
    /// What virtual functions have, by number. Those that are on and not here have nothing.
    pub vfs: BTreeMap<u32, Share>,
    /// Where they were asked for.
    pub place: Option<Place>,
}

/// What a virtual function has of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How much, by resource. What is not here is 0; ports are counted either as a whole or by
    /// class of service.
    pub resources: BTreeMap<&'static str, u32>,
    /// Where it was asked for.
    pub place: Option<Place>,
}

impl Share {
    /// Whether load-balanced ports are counted by class of service.
    pub fn by_class(&self) -> bool {
        !self.resources.contains_key("num_ldb_ports")
    }

    /// How much it has of each resource that has to be written.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u32)> + '_ {
        let by_class = self.by_class();
        RESOURCES
            .iter()
            .filter(move |name| match by_class {
                true => **name != "num_ldb_ports",
                false => !is_class(name),
            })
            .map(|name| (*name, self.resources.get(name).copied().unwrap_or(0)))
    }
}

/// Whether a resource is load-balanced ports of one class of service.
pub(crate) fn is_class(resource: &str) -> bool {
    resource.starts_with("num_cos")
}

/// Something that is wrong with what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it was asked for.
    pub place: Option<Place>,
    /// The object, as a path from the domain.
    pub object: String,
    /// The attribute.
    pub attribute: Option<String>,
    /// What would be right.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        let mut words = String::new();
        if !self.object.is_empty() {
            words += &format!("{}: ", self.object);
        }
        if let Some(attribute) = &self.attribute {
            words += &format!("{attribute} ");
        }
        words += &self.reason;
        // Words of the file are repeated here, and a terminal must not be told what to do by them.
        for c in words.chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A share says all there is, so that it replaces whatever was there; ports are written in the way
    /// in which they were counted.
    #[test]
    fn a_share_counts_every_resource() {
        for ports in ["num_ldb_ports", "num_cos1_ldb_ports"] {
            let share = Share {
                resources: [(ports, 4), ("num_dir_ports", 2)].into(),
                place: None,
            };
            let counts: BTreeMap<_, _> = share.counts().collect();
            assert_eq!(counts[ports], 4);
            assert_eq!(counts["num_dir_ports"], 2);
            assert_eq!(counts["num_ldb_queues"], 0);
            let whole = ports == "num_ldb_ports";
            assert_eq!(counts.contains_key("num_ldb_ports"), whole);
            assert_eq!(counts.contains_key("num_cos0_ldb_ports"), !whole);
        }
    }
}
