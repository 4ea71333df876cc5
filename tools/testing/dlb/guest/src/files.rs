// SPDX-License-Identifier: GPL-2.0

//! The rules of the device files: what can be opened, mapped and read, and how.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::enable::{small, why};
use crate::errno::{self, Errno};
use crate::ktap::{Outcome, Suite};
use crate::port::{self, cmd, cq_bytes, Hcw, Map, Port, Sched};
use crate::proc::{Child, End, Pipe};
use crate::tree::{self, Device, Domain};
use crate::{ensure, ensure_eq};

const RW: i32 = libc::PROT_READ | libc::PROT_WRITE;
const SHARED: i32 = libc::MAP_SHARED;

fn open(d: &Domain, port: &str, read: bool, write: bool) -> Result<File, Errno> {
    Ok(OpenOptions::new()
        .read(read)
        .write(write)
        .open(d.node(port))?)
}

/// One attempt to map: what it is called, protection, flags, length, offset.
type Attempt = (&'static str, i32, i32, usize, i64);

fn refused(file: &File, attempts: &[Attempt], want: &[Errno]) -> Outcome {
    for &(what, prot, flags, len, offset) in attempts {
        let have = Map::new(file, prot, flags, len, offset).err();
        ensure!(
            have.is_some_and(|e| want.contains(&e)),
            "{what}: have {have:?}, want one of {want:?}"
        );
    }
    Ok(())
}

fn producer_page() -> Outcome {
    let d = small("pp")?;
    d.enable().map_err(|e| why(&d, e))?;
    let file = open(&d, "worker", true, true)?;
    for prot in [libc::PROT_WRITE, RW] {
        drop(
            Map::new(&file, prot, SHARED, 4096, 0)
                .map_err(|e| format!("protection {prot}: {e}"))?,
        );
    }
    let fine = [errno::EINVAL, errno::EACCES, errno::EPERM];
    refused(
        &file,
        &[
            ("private", RW, libc::MAP_PRIVATE, 4096, 0),
            ("executable", RW | libc::PROT_EXEC, SHARED, 4096, 0),
            ("two pages", RW, SHARED, 8192, 0),
            ("64 KiB", RW, SHARED, 65536, 0),
        ],
        &fine,
    )?;
    let reader = open(&d, "worker", true, false)?;
    refused(
        &reader,
        &[(
            "writable through a file open for reading",
            RW,
            SHARED,
            4096,
            0,
        )],
        &[errno::EACCES],
    )?;
    let writer = open(&d, "worker", false, true)?;
    // mmap(2) wants a file open for reading whatever is mapped.
    refused(
        &writer,
        &[("a file open for writing", RW, SHARED, 4096, 0)],
        &[errno::EACCES],
    )
}

fn consumer_queue() -> Outcome {
    for depth in [1usize, 8, 64, 1024] {
        let d = Domain::make("cq")?;
        d.add("ldb_ports", "worker")?.set("cq_depth", depth)?;
        d.add("dir_ports", "sink")?.set("cq_depth", depth)?;
        d.enable().map_err(|e| why(&d, e))?;
        for port in ["worker", "sink"] {
            let file = open(&d, port, true, true)?;
            let len = cq_bytes(depth);
            let map = Map::new(&file, libc::PROT_READ, SHARED, len, 4096)
                .map_err(|e| format!("{port} of depth {depth}, {len} bytes: {e}"))?;
            for at in (0..len).step_by(64) {
                // SAFETY: `at` is inside the mapping.
                let byte = unsafe { map.at.add(at).read_volatile() };
                ensure_eq!(byte, 0, "byte {at} of a new ring of {depth}");
            }
            let fine = [errno::EINVAL, errno::EACCES, errno::EPERM];
            refused(
                &file,
                &[
                    ("writable", RW, SHARED, len, 4096),
                    ("a page too long", libc::PROT_READ, SHARED, len + 4096, 4096),
                    (
                        "a page too far",
                        libc::PROT_READ,
                        SHARED,
                        4096,
                        4096 + len as i64,
                    ),
                    ("far away", libc::PROT_READ, SHARED, 4096, 1 << 30),
                    (
                        "at the end of all",
                        libc::PROT_READ,
                        SHARED,
                        4096,
                        i64::MAX & !4095,
                    ),
                    (
                        "executable",
                        libc::PROT_READ | libc::PROT_EXEC,
                        SHARED,
                        len,
                        4096,
                    ),
                    (
                        "the page and the ring",
                        libc::PROT_READ,
                        SHARED,
                        len + 4096,
                        0,
                    ),
                ],
                &[fine[0], fine[1], fine[2], Errno(libc::EOVERFLOW)],
            )?;
            // SAFETY: The range is the mapping's own; the call either fails or is undone with it.
            let grown = unsafe { libc::mprotect(map.at.cast(), map.len, RW) };
            ensure_eq!(grown, -1, "mprotect made a consumer queue writable");
            let read_only = open(&d, port, true, false)?;
            drop(
                Map::new(&read_only, libc::PROT_READ, SHARED, len, 4096)
                    .map_err(|e| format!("{port} read-only: {e}"))?,
            );
        }
    }
    Ok(())
}

/// A child does not inherit the mappings: it would send in its parent's name.
fn not_inherited() -> Outcome {
    let d = small("fork")?;
    d.enable().map_err(|e| why(&d, e))?;
    let port = Port::open(&d.node("source"), 64)?;
    let mut child = Child::run(|| {
        port.push(Hcw::default());
        0
    })?;
    let end = child.wait();
    ensure_eq!(
        end,
        Some(End::Signal(libc::SIGSEGV)),
        "a store by the child"
    );
    let mut child = Child::run(|| i32::from(port.ready()))?;
    let end = child.wait();
    ensure_eq!(end, Some(End::Signal(libc::SIGSEGV)), "a load by the child");
    port.push(Hcw::default());
    Ok(())
}

/// mremap(2) must not make the mapping longer.
fn not_expanded() -> Outcome {
    let d = small("expand")?;
    d.enable().map_err(|e| why(&d, e))?;
    let file = open(&d, "source", true, true)?;
    let map = Map::new(&file, RW, SHARED, 4096, 0)?;
    // SAFETY: The range is the mapping's own; on failure, which is wanted, nothing changes.
    let at = unsafe { libc::mremap(map.at.cast(), 4096, 8192, libc::MREMAP_MAYMOVE) };
    ensure!(at == libc::MAP_FAILED, "a producer page was made two pages");
    Ok(())
}

fn reading() -> Outcome {
    let d = small("read")?;
    d.enable().map_err(|e| why(&d, e))?;
    let mut sink = Port::open(&d.node("sink"), 64)?;
    for len in [0, 1, 3] {
        let have = sink.read_count(len);
        ensure!(
            have == Err(errno::EINVAL) || (len == 0 && have == Err(errno::EIO)),
            "read of {len} bytes: {have:?}"
        );
    }
    let lazy = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(d.node("sink"))
        .map_err(Errno::from)?;
    ensure_eq!(
        port::read_count(&lazy, 4),
        Err(errno::EAGAIN),
        "O_NONBLOCK before"
    );
    ensure_eq!(sink.poll(Duration::ZERO)?, 0, "poll before");
    let source = Port::open(&d.node("source"), 64)?;
    let qid: u8 = d
        .on("dir_queues", "dirq")
        .get("id")?
        .parse()
        .map_err(|_| "id")?;
    let send = |n| source.push(Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, n));

    // Not armed: the entry comes, the interrupt does not.
    send(1);
    ensure!(
        sink.pop_within(Duration::from_secs(5)).is_some(),
        "no entry"
    );
    ensure_eq!(sink.poll(Duration::from_millis(100))?, 0, "poll, not armed");
    sink.push(Hcw::tokens(1));

    // Armed, then the entry: one interrupt, counted once for each open file.
    sink.push(Hcw::bare(cmd::ARM));
    ensure_eq!(
        sink.poll(Duration::from_millis(50))?,
        0,
        "poll, nothing sent"
    );
    send(2);
    let events = sink.poll(Duration::from_secs(5))?;
    ensure!(
        events & libc::POLLIN != 0,
        "poll after the interrupt: {events:#x}"
    );
    ensure_eq!(sink.read_count(4)?, 1, "interrupts counted");
    ensure_eq!(sink.poll(Duration::ZERO)?, 0, "poll after the read");
    ensure!(
        sink.pop().is_some(),
        "the entry is there before its interrupt"
    );
    sink.push(Hcw::tokens(1));

    // The entry, then armed: the device looks when it is armed, so nothing is lost.
    send(3);
    ensure!(
        spin(Duration::from_secs(5), || sink.ready()),
        "the third entry did not come"
    );
    sink.push(Hcw::bare(cmd::ARM));
    let events = sink.poll(Duration::from_secs(5))?;
    ensure!(
        events & libc::POLLIN != 0,
        "armed with an entry waiting: {events:#x}"
    );
    ensure_eq!(
        sink.read_count(8)?,
        1,
        "interrupts counted, in a larger buffer"
    );

    // One shot: the next entry alone does nothing.
    send(4);
    ensure_eq!(
        sink.poll(Duration::from_millis(100))?,
        0,
        "poll, fired once"
    );
    Ok(())
}

fn spin(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + limit;
    while !done() {
        if Instant::now() > until {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// A blocking read sleeps until the interrupt, and a signal ends it with EINTR.
fn blocking() -> Outcome {
    let d = small("block")?;
    d.enable().map_err(|e| why(&d, e))?;
    let qid: u8 = d
        .on("dir_queues", "dirq")
        .get("id")?
        .parse()
        .map_err(|_| "id")?;
    let ready = Pipe::new()?;
    let (to, node) = (ready.to, d.node("sink"));
    let mut sleeper = Child::run(move || {
        let Ok(sink) = Port::open(&node, 64) else {
            return 1;
        };
        sink.push(Hcw::bare(cmd::ARM));
        (Pipe { from: -1, to }).send(1);
        match sink.read_count(4) {
            Ok(1) if sink.ready() => 7,
            Ok(n) => 100 + n as i32,
            Err(_) => 2,
        }
    })?;
    ensure!(
        ready.receive(Duration::from_secs(10)).is_some(),
        "no sleeper"
    );
    ensure_eq!(
        sleeper.wait_within(Duration::from_millis(200)),
        None,
        "the sleeper before anything was sent"
    );
    let source = Port::open(&d.node("source"), 64)?;
    source.push(Hcw::send(cmd::NEW, qid, Sched::Directed, 0, 0, 1));
    ensure_eq!(
        sleeper.wait_within(Duration::from_secs(10)),
        Some(End::Exit(7)),
        "the sleeper after the event"
    );

    extern "C" fn nothing(_: i32) {}
    let node = d.node("worker");
    let mut sleeper = Child::run(move || {
        let Ok(file) = OpenOptions::new().read(true).write(true).open(node) else {
            return 1;
        };
        // SAFETY: A handler without SA_RESTART that does nothing; the structure is complete.
        unsafe {
            let mut act: libc::sigaction = std::mem::zeroed();
            act.sa_sigaction = nothing as *const () as usize;
            libc::sigaction(libc::SIGALRM, &act, std::ptr::null_mut());
            libc::alarm(1);
        }
        match port::read_count(&file, 4) {
            Err(errno::EINTR) => 7,
            _ => 2,
        }
    })?;
    ensure_eq!(
        sleeper.wait_within(Duration::from_secs(10)),
        Some(End::Exit(7)),
        "a read interrupted by a signal"
    );
    Ok(())
}

/// Producer-only ports have a consumer queue that stays empty and files like any other.
fn producer_only() -> Outcome {
    let d = small("mute")?;
    d.enable().map_err(|e| why(&d, e))?;
    let source = Port::open(&d.node("source"), 64)?;
    ensure!(!source.ready(), "an entry in the ring of a producer");
    ensure_eq!(source.poll(Duration::ZERO)?, 0, "poll of a producer");
    Ok(())
}

/// Other system calls have no meaning here and say so.
fn other_calls() -> Outcome {
    use std::os::fd::AsRawFd;
    let d = small("calls")?;
    d.enable().map_err(|e| why(&d, e))?;
    let file = open(&d, "worker", true, true)?;
    let fd = file.as_raw_fd();
    // SAFETY: None of these touches memory of this process beyond the one byte passed.
    unsafe {
        ensure_eq!(libc::ioctl(fd, 0x6801, 0), -1, "an ioctl of Intel's driver");
        ensure_eq!(errno::last(), Errno(libc::ENOTTY), "its error");
        let byte = 0u8;
        ensure_eq!(libc::write(fd, (&raw const byte).cast(), 1), -1, "write(2)");
        ensure_eq!(errno::last(), errno::EINVAL, "its error");
    }
    Ok(())
}

/// A node made by hand for a number that belongs to nobody opens nothing.
fn stale_node() -> Outcome {
    let d = small("gone")?;
    d.enable().map_err(|e| why(&d, e))?;
    let dev = d.on("ldb_ports", "worker").get("dev")?;
    let (major, minor) = dev.split_once(':').ok_or("dev has no colon")?;
    let rdev = libc::makedev(
        major.parse().map_err(|_| "major")?,
        minor.parse().map_err(|_| "minor")?,
    );
    let path = c"/tmp/stale-dlb-port";
    // SAFETY: The path is a C string.
    let made = unsafe {
        libc::unlink(path.as_ptr());
        libc::mknod(path.as_ptr(), libc::S_IFCHR | 0o600, rdev)
    };
    ensure_eq!(made, 0, "mknod");
    let node = std::path::Path::new("/tmp/stale-dlb-port");
    drop(File::open(node).map_err(|e| format!("a second node: {e}"))?);
    d.disable()?;
    let have = File::open(node).map(drop).map_err(Errno::from);
    ensure!(have.is_err(), "a node of a disabled domain opened");
    let other = small("other")?;
    other.enable().map_err(|e| why(&other, e))?;
    let have = File::open(node).map(drop).map_err(Errno::from);
    ensure!(
        have.is_err(),
        "a stale node opened the port of another domain"
    );
    let _ = std::fs::remove_file(node);
    drop((d, other));
    Device::first()?.soon_all_free(Duration::from_secs(10))
}

/// Becomes a user without any right but those of its number.
fn become_user(id: u32) -> bool {
    // SAFETY: These change only the identity of this process, which has one thread.
    unsafe {
        libc::setgroups(0, std::ptr::null()) == 0
            && libc::setresgid(id, id, id) == 0
            && libc::setresuid(id, id, id) == 0
    }
}

/// Two users who have been given a domain each: neither gets at what the other has.
fn two_users() -> Outcome {
    let (a, b) = (small("alice")?, small("bob")?);
    for (d, user) in [(&a, 1001), (&b, 1002)] {
        d.enable().map_err(|e| why(d, e))?;
        for name in tree::names(&d.dir())? {
            std::os::unix::fs::chown(d.node(&name), Some(user), Some(user))
                .map_err(|e| format!("chown of {name}: {e}"))?;
        }
    }
    let theirs: u8 = b
        .on("ldb_queues", "ldbq")
        .get("id")?
        .parse()
        .map_err(|_| "id")?;
    let (own, other) = (a.dir(), b.dir());
    let settings = Device::first()?.physical().file("ingress_err_en");
    let enable = a.obj.file("enable");
    let mut child = Child::run(move || {
        if !become_user(1001) {
            return 1;
        }
        let open = |dir: &Path, name: &str| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(dir.join(name))
                .map_err(Errno::from)
        };
        for name in ["worker", "sink", "source", "alerts"] {
            if open(&other, name).err() != Some(errno::EACCES) {
                println!("# opened {name} of somebody else");
                return 2;
            }
        }
        for file in [&settings, &enable] {
            if tree::put(file, b"0\n") != Err(errno::EACCES) {
                println!("# wrote {}", file.display());
                return 3;
            }
        }
        let (Ok(port), Ok(mut alerts)) =
            (Port::open(&own.join("source"), 64), open(&own, "alerts"))
        else {
            return 4;
        };
        port.push(Hcw::send(cmd::NEW, theirs, Sched::Unordered, 0, 0, 1));
        let mut record = [0u8; 16];
        if !matches!(alerts.read(&mut record), Ok(16)) {
            return 5;
        }
        // A queue that is not of the domain.
        match u16::from_ne_bytes([record[0], record[1]]) {
            4 => 0,
            _ => 6,
        }
    })?;
    ensure_eq!(
        child.wait_within(Duration::from_secs(20)),
        Some(End::Exit(0)),
        "end of the user"
    );
    ensure_eq!(
        b.on("ldb_queues", "ldbq").get("depth")?,
        "0",
        "depth of the other's queue"
    );
    let mut worker = Port::open(&b.node("worker"), 64)?;
    ensure!(
        worker.pop_within(Duration::from_millis(200)).is_none(),
        "an event reached the other"
    );
    Ok(())
}

pub fn run(t: &mut Suite) {
    t.case("mapping the producer page", producer_page);
    t.case("mapping the consumer queue", consumer_queue);
    t.case("mappings are not inherited", not_inherited);
    t.case("mappings do not grow", not_expanded);
    t.case("read and poll", reading);
    t.case("blocking read", blocking);
    t.case("producer-only ports", producer_only);
    t.case("other system calls", other_calls);
    t.case("stale device nodes", stale_node);
    t.case("two users", two_users);
    t.case("the kernel log is clean", tree::log_is_clean);
}
