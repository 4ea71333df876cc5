// SPDX-License-Identifier: GPL-2.0

//! Recipes against a register file without behaviour: exact writes, bounded waits, refusals.

mod common;

use common::{Access, Recorder};
use dlb_hw::hw::error::{Feature, InUse, Object, Param, Resource, Wait};
use dlb_hw::hw::*;

fn simple_domain() -> DomainArgs {
    DomainArgs {
        ldb_queues: 1,
        ldb_ports: 1,
        ldb_credits: 64,
        hist_list_entries: 8,
        ..DomainArgs::default()
    }
}

fn simple_queue() -> LdbQueueArgs {
    LdbQueueArgs {
        qid_inflights: 64,
        depth_threshold: 32,
        ..LdbQueueArgs::default()
    }
}

fn simple_port() -> LdbPortArgs {
    LdbPortArgs {
        cq_base: 0x1_2345_6000,
        cq_depth: 4,
        hist_list_size: 8,
        enabled: true,
        ..LdbPortArgs::default()
    }
}

/// The worked example of the programming model, DLB 2.0: every write in order, and a flush after
/// every change of the CQ's enable, of the mapping tables and of the permission to enqueue.
#[test]
fn the_worked_example_is_written_register_by_register() {
    let csr = Recorder::new(Version::V2);
    let mut pf = Box::new(Pf::new(Version::V2));
    let domain = pf.create_domain(&csr, Func::Pf, &simple_domain()).unwrap();
    let queue = pf
        .create_ldb_queue(&csr, Func::Pf, domain, &simple_queue())
        .unwrap();
    let port = pf
        .create_ldb_port(&csr, Func::Pf, domain, &simple_port())
        .unwrap();
    pf.map_queue(&csr, Func::Pf, domain, port, queue, 0)
        .unwrap();
    pf.start_domain(&csr, Func::Pf, domain).unwrap();
    assert_eq!((domain, queue, port), (0, 0, 0));

    let expected = [
        (0x40080000, 0x40),
        (0x40000000, 0x0),
        (0x10000f24, 0x0),
        (0xa0d80000, 0x40),
        (0xa0a80000, 0x0),
        (0x20080000, 0x0),
        (0x10000f54, 0x0),
        (0xa2080000, 0x20),
        (0xa2100000, 0x20),
        (0x20000000, 0x200),
        (0x40180000, 0x0),
        (0x10000f58, 0x0),
        (0x10000f50, 0x1),
        (0x10000f80, 0x23456000),
        (0x10000f84, 0x1),
        (0x10000f94, 0x30),
        (0x40b80000, 0x1),
        (0xa0580000, 0x4),
        (0xa0600000, 0x1),
        (0x40c80000, 0x0),
        (0x40780000, 0x7),
        (0x40700000, 0x0),
        (0xa0500000, 0x8),
        (0x40880000, 0x0),
        (0x40800000, 0x0),
        (0x10000f9c, 0x0),
        (0x10000fa0, 0x0),
        (0x40d00000, 0x0),
        (0xa0000000, 0x0),
        (0x10000f88, 0x0),
        (0x10000f90, 0x1),
        (0xa0400000, 0x0),
        (0xa0400000, 0x1),
        (0xa0000000, 0x1000000),
        (0xa0080000, 0x0),
        (0x30080000, 0x1),
        (0xa0e00000, 0x1),
        (0xa1600000, 0x1),
        (0xa0400000, 0x0),
        (0x10000f24, 0x1),
    ];
    assert_eq!(csr.writes(), expected);

    let log = csr.log.borrow();
    let flush = Access::Read(Bar::Csr, 0x1000_011c);
    for (i, access) in log.iter().enumerate() {
        let flushed = matches!(
            access,
            Access::Write(_, 0xa040_0000 | 0xa160_0000, _) | Access::Write(_, 0x1000_0f24, 1)
        );
        assert_eq!(flushed, log.get(i + 1) == Some(&flush), "access {i}");
    }
    let reads = log.iter().filter(|a| matches!(a, Access::Read(..)));
    assert_eq!(reads.count(), 5, "nothing is read but to flush");
}

#[test]
fn a_device_that_never_gets_ready_is_given_up_in_bounded_time() {
    for version in [Version::V2, Version::V25] {
        let csr = Recorder::new(version);
        let offset = if version == Version::V2 {
            0xb400_0004
        } else {
            0xa400_0004
        };
        csr.set(Bar::Csr, offset, 0);
        assert_eq!(
            Pf::wait_ready(&csr, version),
            Err(Error::Timeout(Wait::Ready))
        );
        let slept = csr.slept_us.get();
        assert!((1_000_000..4_000_000).contains(&slept), "{slept}");
    }
}

#[test]
fn a_ready_device_is_not_waited_for() {
    let csr = Recorder::new(Version::V25);
    Pf::power_on(&csr, Version::V25);
    assert_eq!(csr.writes(), [(0xa400_0018, 0)]);
    Pf::wait_ready(&csr, Version::V25).unwrap();
    assert_eq!(csr.slept_us.get(), 0);
}

#[test]
fn a_vanished_device_is_noticed_by_every_operation_that_reads() {
    let csr = Recorder::new(Version::V2);
    csr.vanish_after.set(Some(0));
    let mut pf = Box::new(Pf::new(Version::V2));
    assert_eq!(Pf::wait_ready(&csr, Version::V2), Err(Error::Gone));
    assert_eq!(pf.init_device(&csr), Err(Error::Gone));
    let domain = pf.create_domain(&csr, Func::Pf, &simple_domain()).unwrap();
    let queue = pf
        .create_ldb_queue(&csr, Func::Pf, domain, &simple_queue())
        .unwrap();
    assert_eq!(
        pf.create_ldb_port(&csr, Func::Pf, domain, &simple_port()),
        Err(Error::Gone)
    );
    assert_eq!(
        pf.ldb_queue_depth(&csr, Func::Pf, domain, queue),
        Err(Error::Gone)
    );
    assert_eq!(pf.start_domain(&csr, Func::Pf, domain), Err(Error::Gone));
    assert_eq!(pf.reset_domain(&csr, Func::Pf, domain), Err(Error::Gone));
    assert_eq!(
        csr.slept_us.get() / 1_000_000,
        2,
        "only readiness is waited for"
    );
    pf.forget();
    assert_eq!(pf.available(Func::Pf), pf.total());
}

#[test]
fn initialisation_writes_each_setting_once() {
    let csr = Recorder::new(Version::V2);
    let mut pf = Box::new(Pf::new(Version::V2));
    pf.init_device(&csr).unwrap();
    let expected = [
        (0x10000300, 0x3f),
        (0x10000408, 0x1),
        (0x440000ac, 30),
        (0x44000100, 30),
        (0x440000a0, 0x1007ffff),
        (0x440000f4, 0x1007ffff),
        (0x44000008, 0x001e0002),
        (0x34000004, 0xfffdfbf9),
        (0x84000008, 0xfffdfbf9),
        (0x84000010, 0xfffdfbf9),
        (0x54000008, 0xfffdfbf9),
        (0x54000000, 0xfffdfbf9),
        (0x84000000, 0xfffdfbf9),
        (0x34000008, 0xfffdfbf9),
        (0x24000004, 0xfffdfbf9),
        (0xa4000014, 0xffffffff),
        (0xa4000008, 0xffffffff),
        (0x18001040, 0x30000),
        (0xa4000074, 64),
        (0xa4000078, 64),
        (0xa400007c, 64),
        (0xa4000080, 64),
        (0xa4000070, 1),
        (0x94000000, 0),
    ];
    assert_eq!(csr.writes(), expected);
}

#[test]
fn settings_survive_a_reset_of_the_device() {
    let csr = Recorder::new(Version::V25);
    let mut pf = Box::new(Pf::new(Version::V25));
    pf.set_sequence_numbers(None, 1, 1024).unwrap();
    pf.set_cos_bandwidth(None, 0, 10).unwrap();
    pf.set_cos_bandwidth(None, 3, 40).unwrap();
    pf.set_wrr_weight(None, 5).unwrap();
    pf.set_watchdog(None, Watchdog::S1).unwrap();
    pf.set_cq_layout(None, false).unwrap();
    pf.set_ingress_alarms(None, false).unwrap();
    pf.set_preference(None, Arbiter::Elements, Preference::Hardware)
        .unwrap();
    pf.set_preference(None, Arbiter::Links, Preference::Percent(50))
        .unwrap();
    assert!(csr.log.borrow().is_empty());
    pf.init_device(&csr).unwrap();
    let writes = csr.writes();
    for expected in [
        (0x84000000, 0x400),
        (0x94000074, 25),
        (0x94000080, 102),
        (0x94000070, 1),
        (0x94000030, 0x5000_0000),
        (0x440000c0, 24),
        (0x44000008, 0x00180002),
        (0x10000300, 0),
        (0x94000014, 0xffdfbf9f),
        (0x34000004, 0xfffefdfc),
    ] {
        assert!(writes.contains(&expected), "{expected:x?} in {writes:x?}");
    }
}

#[test]
fn arbiter_weights() {
    let csr = Recorder::new(Version::V25);
    let mut pf = Box::new(Pf::new(Version::V25));
    let weights = Preference::Weights([10, 20, 20, 255]);
    pf.set_preference(Some(&csr), Arbiter::Elements, weights)
        .unwrap();
    // All arbiters of elements, and none of links.
    let elements = [
        0x3400_0004,
        0x7400_0008,
        0x7400_0010,
        0x5400_0008,
        0x5400_0000,
        0x7400_0000,
        0x3400_0008,
        0x2400_0004,
    ];
    assert_eq!(csr.writes(), elements.map(|offset| (offset, 0xff14_140a)));
    assert_eq!(pf.preference(Arbiter::Elements), weights);
    assert_eq!(pf.preference(Arbiter::Links), Preference::Percent(0));

    csr.log.borrow_mut().clear();
    pf.set_preference(Some(&csr), Arbiter::Links, weights)
        .unwrap();
    assert_eq!(
        csr.writes(),
        [(0x9400_0014, 0xff14_140a), (0x9400_0008, 0xff14_140a)]
    );

    // What is refused changes nothing.
    csr.log.borrow_mut().clear();
    for bad in [
        Preference::Weights([10, 9, 20, 255]),
        Preference::Percent(101),
    ] {
        assert!(matches!(
            pf.set_preference(Some(&csr), Arbiter::Elements, bad),
            Err(Error::Invalid { .. })
        ));
    }
    assert!(csr.log.borrow().is_empty());
    assert_eq!(pf.preference(Arbiter::Elements), weights);

    // A percentage replaces weights.
    assert_eq!(
        Preference::Percent(1).weights(),
        Some([0xf9, 0xfb, 0xfd, 0xff])
    );
    assert_eq!(Preference::Percent(0).weights(), Some([0xff; 4]));
}

/// Which ports are near is measured, and then decides what producers get; others leave them alone.
#[test]
fn producers_get_near_ports() {
    use std::cell::Cell;

    let csr = Recorder::new(Version::V25);
    let mut pf = Box::new(Pf::new(Version::V25));
    let create = |pf: &mut Pf, ports: &[bool]| {
        let args = DomainArgs {
            dir_ports: ports.len() as u32,
            near_dir_ports: ports.iter().filter(|near| **near).count() as u32,
            ..DomainArgs::default()
        };
        let d = pf.create_domain(&csr, Func::Pf, &args).unwrap();
        let ids: Vec<u32> = ports
            .iter()
            .map(|near| {
                let args = DirPortArgs {
                    cq_depth: 8,
                    near: *near,
                    ..DirPortArgs::default()
                };
                pf.create_dir_port(&csr, Func::Pf, d, &args).unwrap()
            })
            .collect();
        (d, ids)
    };

    // Nothing is known: the first ones.
    let (d, ids) = create(&mut pf, &[false, true, false]);
    assert_eq!(ids, [0, 1, 2]);
    assert_eq!(
        pf.measure_dir_ports(&csr, &|| 0),
        Err(Error::Busy(InUse::Domains))
    );
    assert!(pf.dir_costs().iter().all(|cost| *cost == 0));
    pf.forget();
    let _ = d;

    // The clock is read twice in each of 8 rounds. Port 40 is the nearest, then 7 and 95; port 3 is
    // the farthest. Only the best round counts.
    let calls = Cell::new(0u64);
    let clock = || {
        let call = calls.replace(calls.get() + 1);
        let (port, round, end) = (call / 16, call / 2 % 8, call % 2);
        let cost = match port {
            40 => 50,
            7 => 60,
            95 => 61,
            3 => 900,
            _ => 100,
        };
        let noise = if round == 5 { 0 } else { 77 };
        match end {
            0 => call * 1_000_000,
            _ => (call - 1) * 1_000_000 + (cost + noise) * 32,
        }
    };
    csr.log.borrow_mut().clear();
    pf.measure_dir_ports(&csr, &clock).unwrap();
    assert_eq!(pf.dir_costs().len(), 96);
    assert_eq!(pf.dir_costs()[40], 50);
    assert_eq!(pf.dir_costs()[3], 900);
    assert_eq!(pf.dir_costs()[4], 100);
    let log = csr.log.borrow().clone();
    let lines = log.iter().filter(|access| match access {
        Access::Line(_, line) => line.iter().any(|hcw| *hcw != Hcw::default()),
        _ => false,
    });
    assert_eq!(lines.count(), 96 * 8 * 32);
    // The alarms are off meanwhile, and on afterwards.
    assert!(pf.settings().ingress_alarms);
    let alarms: Vec<usize> = (0..log.len())
        .filter(|at| matches!(log[*at], Access::Write(Bar::Csr, 0x1000_0300, _)))
        .collect();
    assert_eq!(alarms.len(), 2);
    assert_eq!(
        log[alarms[0]],
        Access::Write(Bar::Csr, 0x1000_0300, 0),
        "off"
    );
    assert!(!log[..alarms[0]]
        .iter()
        .chain(&log[alarms[1]..])
        .any(|access| matches!(access, Access::Line(..))));

    let (_, ids) = create(&mut pf, &[false, true, true, false, true]);
    assert_eq!(ids, [3, 40, 7, 0, 95]);
    // They are known over a reset.
    pf.forget();
    pf.init_device(&csr).unwrap();
    let (_, ids) = create(&mut pf, &[true]);
    assert_eq!(ids, [40]);
    pf.forget();
    pf.forget_dir_costs();
    let (_, ids) = create(&mut pf, &[true]);
    assert_eq!(ids, [0]);
}

#[test]
fn bad_settings_are_refused_and_change_nothing() {
    let csr = Recorder::new(Version::V2);
    let mut pf = Box::new(Pf::new(Version::V2));
    let before = *pf.settings();
    let invalid = |what, value| Err(Error::Invalid { what, value });
    assert_eq!(
        pf.set_sequence_numbers(Some(&csr), 0, 96),
        invalid(Param::SequenceNumbers, 96)
    );
    assert_eq!(
        pf.set_sequence_numbers(Some(&csr), 2, 64),
        invalid(Param::SnGroup, 2)
    );
    assert_eq!(
        pf.set_cos_bandwidth(Some(&csr), 4, 1),
        invalid(Param::Cos, 4)
    );
    assert_eq!(
        pf.set_cos_bandwidth(Some(&csr), 1, 26),
        invalid(Param::CosBandwidth, 26)
    );
    assert_eq!(
        pf.set_cos_bandwidth(Some(&csr), 1, 256),
        invalid(Param::CosBandwidth, 256)
    );
    assert_eq!(
        pf.set_wrr_weight(Some(&csr), 1),
        Err(Error::Unsupported(Feature::WrrWeight))
    );
    assert_eq!(*pf.settings(), before);
    assert!(csr.log.borrow().is_empty());

    let domain = pf
        .create_domain(
            &csr,
            Func::Pf,
            &DomainArgs {
                sn_slots: [1, 0],
                ..DomainArgs::default()
            },
        )
        .unwrap();
    assert_eq!(
        pf.set_sequence_numbers(Some(&csr), 0, 128),
        Err(Error::Busy(InUse::SnGroup))
    );
    pf.set_sequence_numbers(Some(&csr), 1, 128).unwrap();
    assert_eq!(
        pf.set_cq_layout(Some(&csr), false),
        Err(Error::Busy(InUse::Domains))
    );
    pf.reset_domain(&csr, Func::Pf, domain).unwrap();
    pf.set_sequence_numbers(Some(&csr), 0, 128).unwrap();
    assert_eq!(pf.total().sn_slots, [8, 8]);
}

/// Every resource, asked for one more than there is: the error names it, and nothing is left.
#[test]
fn too_much_of_anything_is_refused_with_asked_and_free() {
    for version in [Version::V2, Version::V25] {
        let csr = Recorder::new(version);
        let mut pf = Box::new(Pf::new(version));
        let total = pf.total();
        let base = DomainArgs::default();
        let mut cases = vec![
            (
                Resource::LdbQueues,
                33,
                32,
                DomainArgs {
                    ldb_queues: 33,
                    ..base
                },
            ),
            (
                Resource::LdbPorts,
                65,
                64,
                DomainArgs {
                    ldb_ports: 65,
                    ..base
                },
            ),
            (
                Resource::CosLdbPorts(2),
                17,
                16,
                DomainArgs {
                    cos_ldb_ports: [0, 0, 17, 0],
                    cos_strict: true,
                    ..base
                },
            ),
            (
                Resource::DirPorts,
                total.dir_ports + 1,
                total.dir_ports,
                DomainArgs {
                    dir_ports: total.dir_ports + 1,
                    ..base
                },
            ),
            (
                Resource::LdbCredits,
                total.ldb_credits + 1,
                total.ldb_credits,
                DomainArgs {
                    ldb_credits: total.ldb_credits + 1,
                    ..base
                },
            ),
            (
                Resource::AtomicInflights,
                2049,
                2048,
                DomainArgs {
                    atomic_inflights: 2049,
                    ..base
                },
            ),
            (
                Resource::HistListEntries,
                2049,
                2048,
                DomainArgs {
                    hist_list_entries: 2049,
                    ..base
                },
            ),
            (
                Resource::SnSlots(1),
                17,
                16,
                DomainArgs {
                    sn_slots: [16, 17],
                    ..base
                },
            ),
        ];
        if version == Version::V2 {
            cases.push((
                Resource::DirCredits,
                4097,
                4096,
                DomainArgs {
                    dir_credits: 4097,
                    ..base
                },
            ));
        } else {
            cases.push((
                Resource::LdbCredits,
                16385,
                16384,
                DomainArgs {
                    ldb_credits: 16384,
                    dir_credits: 1,
                    ..base
                },
            ));
        }
        for (what, asked, free, args) in cases {
            let got = pf.create_domain(&csr, Func::Pf, &args);
            assert_eq!(got, Err(Error::NoSpace { what, asked, free }));
            assert_eq!(pf.available(Func::Pf), total);
            assert_eq!(got.unwrap_err().errno(), -28);
        }
        assert!(csr.log.borrow().is_empty());
        for i in 0..32 {
            assert_eq!(pf.create_domain(&csr, Func::Pf, &base), Ok(i));
        }
        assert_eq!(
            pf.create_domain(&csr, Func::Pf, &base),
            Err(Error::NoSpace {
                what: Resource::Domains,
                asked: 1,
                free: 0
            })
        );
    }
}

#[test]
fn bad_queues_and_ports_are_refused_and_cost_nothing() {
    let csr = Recorder::new(Version::V2);
    let mut pf = Box::new(Pf::new(Version::V2));
    let args = DomainArgs {
        ldb_queues: 1,
        ldb_ports: 1,
        dir_ports: 1,
        hist_list_entries: 8,
        atomic_inflights: 8,
        ..DomainArgs::default()
    };
    let d = pf.create_domain(&csr, Func::Pf, &args).unwrap();
    csr.clear();
    let invalid = |what, value| Err(Error::Invalid { what, value });
    let queue = simple_queue();
    let q = |pf: &mut Pf, args| pf.create_ldb_queue(&csr, Func::Pf, d, &args);
    for n in [0, 2049] {
        let args = LdbQueueArgs {
            qid_inflights: n,
            ..queue
        };
        assert_eq!(q(&mut pf, args), invalid(Param::QidInflights, n.into()));
    }
    let args = LdbQueueArgs {
        sequence_numbers: 64,
        ..queue
    };
    assert!(matches!(q(&mut pf, args), Err(Error::NoSpace { .. })));
    let args = LdbQueueArgs {
        sequence_numbers: 65,
        ..queue
    };
    assert_eq!(q(&mut pf, args), invalid(Param::SequenceNumbers, 65));
    let args = LdbQueueArgs {
        atomic_inflights: 9,
        ..queue
    };
    assert_eq!(
        q(&mut pf, args),
        Err(Error::NoSpace {
            what: Resource::AtomicInflights,
            asked: 9,
            free: 8
        })
    );
    let args = LdbQueueArgs {
        atomic_inflights: 8,
        lock_id_comp_level: 63,
        ..queue
    };
    assert_eq!(q(&mut pf, args), invalid(Param::LockIdCompLevel, 63));
    let args = LdbQueueArgs {
        depth_threshold: 8192,
        ..queue
    };
    assert_eq!(q(&mut pf, args), invalid(Param::DepthThreshold, 8192));

    let port = simple_port();
    let p = |pf: &mut Pf, args| pf.create_ldb_port(&csr, Func::Pf, d, &args);
    for depth in [0, 3, 2048] {
        let args = LdbPortArgs {
            cq_depth: depth,
            ..port
        };
        assert_eq!(p(&mut pf, args), invalid(Param::CqDepth, depth.into()));
    }
    let args = LdbPortArgs {
        cq_base: 0x1020,
        ..port
    };
    assert_eq!(p(&mut pf, args), invalid(Param::CqAddress, 0x1020));
    let args = LdbPortArgs {
        hist_list_size: 0,
        ..port
    };
    assert_eq!(p(&mut pf, args), invalid(Param::HistListSize, 0));
    let args = LdbPortArgs {
        hist_list_size: 9,
        ..port
    };
    assert_eq!(
        p(&mut pf, args),
        Err(Error::NoSpace {
            what: Resource::HistListEntries,
            asked: 9,
            free: 8
        })
    );
    let args = LdbPortArgs {
        cos: Some(4),
        ..port
    };
    assert_eq!(p(&mut pf, args), invalid(Param::Cos, 4));
    let args = LdbPortArgs {
        cos: Some(3),
        cos_strict: true,
        ..port
    };
    assert!(matches!(p(&mut pf, args), Err(Error::NoSpace { .. })));
    let args = LdbPortArgs {
        inflight_threshold: Some(1),
        ..port
    };
    assert_eq!(
        p(&mut pf, args),
        Err(Error::Unsupported(Feature::InflightControl))
    );
    assert!(csr.log.borrow().is_empty());

    let q = pf.create_ldb_queue(&csr, Func::Pf, d, &queue).unwrap();
    let not_found = |what, id| Err(Error::NotFound { what, id });
    let refused = |what, value| Err(Error::Invalid { what, value });
    // Queues and no port: nobody could empty them.
    assert_eq!(
        pf.start_domain(&csr, Func::Pf, d),
        refused(Param::NoLdbPort, 0)
    );
    let p = pf.create_ldb_port(&csr, Func::Pf, d, &port).unwrap();
    csr.clear();
    assert_eq!(
        pf.map_queue(&csr, Func::Pf, d, p, q, 8),
        refused(Param::Priority, 8)
    );
    assert_eq!(
        pf.map_queue(&csr, Func::Pf, d, p, q + 1, 0),
        not_found(Object::LdbQueue, q + 1)
    );
    assert_eq!(
        pf.map_queue(&csr, Func::Pf, d, p + 1, q, 0),
        not_found(Object::LdbPort, p + 1)
    );
    assert_eq!(
        pf.map_queue(&csr, Func::Pf, d + 1, p, q, 0),
        not_found(Object::Domain, d + 1)
    );
    assert_eq!(
        pf.unmap_queue(&csr, Func::Pf, d, p, q),
        not_found(Object::Link, q)
    );
    assert_eq!(
        pf.set_cq_weight(&csr, Func::Pf, d, p, 1),
        Err(Error::Unsupported(Feature::CqWeight))
    );
    assert!(csr.log.borrow().is_empty());
    pf.start_domain(&csr, Func::Pf, d).unwrap();
    assert_eq!(pf.start_domain(&csr, Func::Pf, d), Err(Error::Started));
    assert_eq!(
        pf.create_ldb_queue(&csr, Func::Pf, d, &queue),
        Err(Error::Started)
    );
}

#[test]
fn ports_are_handed_out_so_that_neighbours_stay_apart() {
    let csr = Recorder::new(Version::V2);
    let mut pf = Box::new(Pf::new(Version::V2));
    let args = DomainArgs {
        cos_ldb_ports: [0, 4, 0, 0],
        hist_list_entries: 4,
        ..DomainArgs::default()
    };
    let d = pf.create_domain(&csr, Func::Pf, &args).unwrap();
    let port = LdbPortArgs {
        hist_list_size: 1,
        ..simple_port()
    };
    let ports: Vec<u32> = (0..4)
        .map(|_| pf.create_ldb_port(&csr, Func::Pf, d, &port).unwrap())
        .collect();
    assert_eq!(ports, [16, 23, 30, 21]);
}

#[test]
fn a_class_that_has_too_few_ports_gets_help_unless_it_is_strict() {
    let csr = Recorder::new(Version::V2);
    let mut pf = Box::new(Pf::new(Version::V2));
    let args = DomainArgs {
        cos_ldb_ports: [0, 0, 0, 20],
        ..DomainArgs::default()
    };
    pf.create_domain(&csr, Func::Pf, &args).unwrap();
    assert_eq!(pf.used(Func::Pf).cos_ldb_ports, [4, 0, 0, 16]);
}

#[test]
fn errors_say_what_was_asked_and_what_is_free() {
    let error = Error::NoSpace {
        what: Resource::LdbQueues,
        asked: 5,
        free: 2,
    };
    assert_eq!(
        error.to_string(),
        "5 load-balanced queues asked for, 2 free"
    );
    let error = Error::Invalid {
        what: Param::CqDepth,
        value: 3,
    };
    assert_eq!(error.to_string(), "consumer-queue depth cannot be 3");
}

#[test]
fn the_bookkeeping_fits_where_the_kernel_puts_it() {
    assert!(
        std::mem::size_of::<Pf>() <= 8192,
        "{}",
        std::mem::size_of::<Pf>()
    );
}
