// SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0

//! `alerts`: what happened to a domain.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use dlb_config::schema::Kind;
use dlb_config::system::{self, LiveDomain};
use serde_json::json;

use crate::{interrupted, Context, Error};

/// One record of the file.
struct Alert {
    kind: u16,
    lost: u32,
    data: u64,
}

impl Alert {
    fn new(bytes: [u8; 16]) -> Self {
        let [a, b, _, _, c, d, e, f, data @ ..] = bytes;
        Alert {
            kind: u16::from_ne_bytes([a, b]),
            lost: u32::from_ne_bytes([c, d, e, f]),
            data: u64::from_ne_bytes(data),
        }
    }

    fn words(&self) -> &'static str {
        match self.kind {
            0 => "a completion without an event to complete, or an event without a credit",
            1 => "more tokens given back than taken",
            2 => "a command that is none, or a completion by a directed port",
            3 => "an event to a queue that is none",
            4 => "an event to a queue of another domain, or of a stopped one",
            5 => "the device was reset",
            6 => "posted by a program",
            7 => "a consumer queue was not looked after for too long",
            _ => "something that the driver has no name for",
        }
    }

    /// The name of the port that it is about, if it is about one.
    fn port(&self, live: &LiveDomain) -> Option<String> {
        if matches!(self.kind, 5 | 6) {
            return None;
        }
        let kind = if self.data & 1 << 8 != 0 {
            Kind::LdbPort
        } else {
            Kind::DirPort
        };
        let id = (self.data & 0xff).to_string();
        let ports = live.domain.shelf(kind).values();
        let port = ports.into_iter().find(|port| live.report(port, "id") == id);
        Some(port.map_or(format!("{kind} {id}"), |port| port.name.clone()))
    }
}

pub(crate) fn alerts(context: &mut Context<'_>, name: &str, follow: bool) -> Result<(), Error> {
    system::domain_names(context.files)?;
    let live = system::read_domain(context.files, name)?
        .ok_or_else(|| Error::missing(format!("there is no domain `{name}`")))?;
    let path = node(context, name).ok_or_else(|| {
        Error::missing(format!(
            "domain `{name}` has no alerts: it is {}",
            live.state
        ))
    })?;
    let mut file = File::options()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(&path)
        .map_err(|e| Error::file("open", &path, &e))?;
    while !interrupted() {
        let mut bytes = [0; 16];
        match file.read(&mut bytes) {
            Ok(16) => print(context, &live, &Alert::new(bytes))?,
            Ok(_) => return Err(Error::failed("the driver gave less than a record")),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                if !follow {
                    return Ok(());
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => (),
            Err(e) if e.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()) => {
                return Err(Error::failed(format!(
                    "domain `{name}` was taken off its device"
                )));
            }
            Err(e) => return Err(Error::file("read", &path, &e)),
        }
    }
    Ok(())
}

/// The file of the domain, on whatever device it is.
fn node(context: &Context<'_>, name: &str) -> Option<PathBuf> {
    let devices = std::fs::read_dir(context.root.join("dev")).ok()?;
    devices
        .flatten()
        .filter(|device| device.file_name().as_encoded_bytes().starts_with(b"dlb"))
        .map(|device| device.path().join(name).join("alerts"))
        .find(|path| path.exists())
}

fn print(context: &mut Context<'_>, live: &LiveDomain, alert: &Alert) -> Result<(), Error> {
    let port = alert.port(live);
    if context.json {
        // One line each, so that a reader need not wait for the end.
        let value = json!({
            "kind": alert.kind,
            "words": alert.words(),
            "lost": alert.lost,
            "data": alert.data,
            "port": port,
        });
        writeln!(context.out, "{value}")?;
    } else {
        if alert.lost > 0 {
            writeln!(context.out, "{} alerts were lost", alert.lost)?;
        }
        match port {
            Some(port) => writeln!(context.out, "{port}: {}", alert.words())?,
            None if alert.kind == 6 => writeln!(context.out, "{}: {}", alert.words(), alert.data)?,
            None => writeln!(context.out, "{}", alert.words())?,
        }
    }
    Ok(context.out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_taken_apart() {
        let mut bytes = [0; 16];
        bytes[0] = 4;
        bytes[4] = 7;
        bytes[8] = 3;
        bytes[9] = 1;
        let alert = Alert::new(bytes);
        assert_eq!((alert.kind, alert.lost, alert.data), (4, 7, 0x103));
        assert!(alert.words().contains("another domain"));
    }
}
