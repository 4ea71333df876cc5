// SPDX-License-Identifier: GPL-2.0

//! Every message of the mailbox, byte by byte: request and answer, in both directions. The words
//! come from the table of the interface, not from the code under test.

use dlb_hw::hw::mbox::*;

/// A request encodes to these words and back.
fn request<C: Command + PartialEq + std::fmt::Debug>(
    number: u32,
    since: u32,
    message: C,
    words: &[u32],
) {
    assert_eq!((C::NUMBER, C::SINCE), (number, since));
    assert_eq!(C::SIZE as usize, words.len() * 4);
    assert_eq!(message.to_raw().words(C::SIZE), words);
    assert_eq!(C::decode(&Raw::from_words(words.iter().copied())), message);
}

/// An answer to a command encodes to these words and back.
fn answer<C: Command>(message: C::Response, words: &[u32])
where
    C::Response: PartialEq + std::fmt::Debug,
{
    let size = <C::Response as Message>::SIZE;
    assert_eq!(size as usize, words.len() * 4);
    assert_eq!(response(SUCCESS, &message).words(size), words);
    let raw = Raw::from_words(words.iter().copied());
    assert_eq!(<C::Response as Message>::decode(&raw), message);
    let refused = response(VERSION_MISMATCH, &message);
    assert_eq!(first_word(&refused), 2);
}

#[test]
fn requests_of_a_vf() {
    request(
        0,
        0,
        Register {
            min_interface_version: 0x1211,
            max_interface_version: 0x1413,
        },
        &[0x00000000, 0x14131211],
    );
    request(1, 1, Unregister {}, &[0x00000001, 0x00000000]);
    request(2, 1, GetNumResources {}, &[0x00000002, 0x00000000]);
    request(
        3,
        1,
        CreateSchedDomain {
            num_ldb_queues: 0x14131211,
            num_ldb_ports: 0x18171615,
            num_cos_ldb_ports: [0x1c1b1a19, 0x201f1e1d, 0x24232221, 0x28272625],
            num_dir_ports: 0x2c2b2a29,
            num_atomic_inflights: 0x302f2e2d,
            num_hist_list_entries: 0x34333231,
            num_ldb_credits: 0x38373635,
            num_dir_credits: 0x3c3b3a39,
            cos_strict: 0x3d,
            num_sn_slots: [0x41403f3e, 0x45444342],
        },
        &[
            0x00000003, 0x14131211, 0x18171615, 0x1c1b1a19, 0x201f1e1d, 0x24232221, 0x28272625,
            0x2c2b2a29, 0x302f2e2d, 0x34333231, 0x38373635, 0x3c3b3a39, 0x0000003d, 0x41403f3e,
            0x45444342, 0x00000000,
        ],
    );
    request(
        4,
        1,
        ResetSchedDomain { id: 0x14131211 },
        &[0x00000004, 0x14131211],
    );
    request(
        5,
        1,
        CreateLdbQueue {
            domain_id: 0x14131211,
            num_sequence_numbers: 0x18171615,
            num_qid_inflights: 0x1c1b1a19,
            num_atomic_inflights: 0x201f1e1d,
            lock_id_comp_level: 0x24232221,
            depth_threshold: 0x28272625,
        },
        &[
            0x00000005, 0x14131211, 0x18171615, 0x1c1b1a19, 0x201f1e1d, 0x24232221, 0x28272625,
            0x00000000,
        ],
    );
    request(
        6,
        1,
        CreateDirQueue {
            domain_id: 0x14131211,
            port_id: 0x18171615,
            depth_threshold: 0x1c1b1a19,
        },
        &[0x00000006, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    request(
        7,
        1,
        CreateLdbPort {
            domain_id: 0x14131211,
            cq_depth: 0x1615,
            cq_history_list_size: 0x1817,
            cos_id: 0x19,
            cos_strict: 0x1a,
            inflight_threshold: 0x1c1b,
            cq_base_address: 0x24232221201f1e1d,
            enable_inflight_ctrl: 0x25,
        },
        &[
            0x00000007, 0x14131211, 0x18171615, 0x1c1b1a19, 0x201f1e1d, 0x24232221, 0x00000025,
            0x00000000,
        ],
    );
    request(
        8,
        1,
        CreateDirPort {
            domain_id: 0x14131211,
            cq_base_address: 0x1c1b1a1918171615,
            cq_depth: 0x1e1d,
            queue_id: 0x2221201f,
        },
        &[
            0x00000008, 0x14131211, 0x18171615, 0x1c1b1a19, 0x00001e1d, 0x2221201f,
        ],
    );
    request(
        9,
        1,
        EnableLdbPort {
            domain_id: 0x14131211,
            port_id: 0x18171615,
        },
        &[0x00000009, 0x14131211, 0x18171615, 0x00000000],
    );
    request(
        10,
        1,
        DisableLdbPort {
            domain_id: 0x14131211,
            port_id: 0x18171615,
        },
        &[0x0000000a, 0x14131211, 0x18171615, 0x00000000],
    );
    request(
        11,
        1,
        EnableDirPort {
            domain_id: 0x14131211,
            port_id: 0x18171615,
        },
        &[0x0000000b, 0x14131211, 0x18171615, 0x00000000],
    );
    request(
        12,
        1,
        DisableDirPort {
            domain_id: 0x14131211,
            port_id: 0x18171615,
        },
        &[0x0000000c, 0x14131211, 0x18171615, 0x00000000],
    );
    request(
        13,
        1,
        LdbPortOwnedByDomain {
            domain_id: 0x14131211,
            port_id: 0x18171615,
        },
        &[0x0000000d, 0x14131211, 0x18171615, 0x00000000],
    );
    request(
        14,
        1,
        DirPortOwnedByDomain {
            domain_id: 0x14131211,
            port_id: 0x18171615,
        },
        &[0x0000000e, 0x14131211, 0x18171615, 0x00000000],
    );
    request(
        15,
        1,
        MapQid {
            domain_id: 0x14131211,
            port_id: 0x18171615,
            qid: 0x1c1b1a19,
            priority: 0x201f1e1d,
        },
        &[
            0x0000000f, 0x14131211, 0x18171615, 0x1c1b1a19, 0x201f1e1d, 0x00000000,
        ],
    );
    request(
        16,
        1,
        UnmapQid {
            domain_id: 0x14131211,
            port_id: 0x18171615,
            qid: 0x1c1b1a19,
        },
        &[0x00000010, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    request(
        17,
        1,
        StartDomain {
            domain_id: 0x14131211,
        },
        &[0x00000011, 0x14131211],
    );
    request(
        18,
        1,
        EnableLdbPortIntr {
            port_id: 0x1211,
            thresh: 0x1413,
            vector: 0x1615,
            owner_vf: 0x1817,
        },
        &[0x00000012, 0x14131211, 0x18171615, 0x00000000],
    );
    request(
        19,
        1,
        EnableDirPortIntr {
            port_id: 0x1211,
            thresh: 0x1413,
            vector: 0x1615,
            owner_vf: 0x1817,
        },
        &[0x00000013, 0x14131211, 0x18171615, 0x00000000],
    );
    request(
        20,
        1,
        ArmCqIntr {
            domain_id: 0x14131211,
            port_id: 0x18171615,
            is_ldb: 0x1c1b1a19,
        },
        &[0x00000014, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    request(21, 1, GetNumUsedResources {}, &[0x00000015, 0x00000000]);
    request(
        22,
        1,
        GetSnAllocation {
            group_id: 0x14131211,
        },
        &[0x00000016, 0x14131211],
    );
    request(
        23,
        1,
        GetLdbQueueDepth {
            domain_id: 0x14131211,
            queue_id: 0x18171615,
        },
        &[0x00000017, 0x14131211, 0x18171615, 0x00000000],
    );
    request(
        24,
        1,
        GetDirQueueDepth {
            domain_id: 0x14131211,
            queue_id: 0x18171615,
        },
        &[0x00000018, 0x14131211, 0x18171615, 0x00000000],
    );
    request(
        25,
        1,
        PendingPortUnmaps {
            domain_id: 0x14131211,
            port_id: 0x18171615,
        },
        &[0x00000019, 0x14131211, 0x18171615, 0x00000000],
    );
    request(
        26,
        1,
        GetCosBw { cos_id: 0x14131211 },
        &[0x0000001a, 0x14131211],
    );
    request(
        27,
        1,
        GetSnOccupancy {
            group_id: 0x14131211,
        },
        &[0x0000001b, 0x14131211],
    );
    request(28, 1, QueryCqPollMode {}, &[0x0000001c, 0x00000000]);
    request(29, 1, DevReset {}, &[0x0000001d, 0x00000000]);
    request(
        30,
        2,
        EnableCqWeight {
            domain_id: 0x14131211,
            port_id: 0x18171615,
            limit: 0x1c1b1a19,
        },
        &[0x0000001e, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    request(
        31,
        4,
        CqInflightCtrl {
            domain_id: 0x14131211,
            port_id: 0x18171615,
            enable: 0x19,
            threshold: 0x1b1a,
        },
        &[0x0000001f, 0x14131211, 0x18171615, 0x1b1a0019],
    );
    request(
        32,
        4,
        GetXstats {
            xstats_type: 0x14131211,
            xstats_id: 0x18171615,
        },
        &[0x00000020, 0x14131211, 0x18171615],
    );
    request(
        33,
        5,
        StopDomain {
            domain_id: 0x14131211,
        },
        &[0x00000021, 0x14131211],
    );
}

#[test]
fn answers_of_the_pf() {
    answer::<Register>(
        Registered {
            interface_version: 0x14131211,
            pf_id: 0x15,
            vf_id: 0x16,
            primary_vf_id: 0x17,
            flags: 0x1b1a1918,
        },
        &[0x00000000, 0x14131211, 0x00171615, 0x1b1a1918],
    );
    answer::<Unregister>(Empty {}, &[0x00000000, 0x00000000]);
    answer::<GetNumResources>(
        Numbers {
            error_code: 0x14131211,
            num_sched_domains: 0x1615,
            num_ldb_queues: 0x1817,
            num_ldb_ports: 0x1a19,
            num_cos_ldb_ports: [0x1c1b, 0x1e1d, 0x201f, 0x2221],
            num_dir_ports: 0x2423,
            num_atomic_inflights: 0x28272625,
            num_hist_list_entries: 0x2c2b2a29,
            max_contiguous_hist_list_entries: 0x302f2e2d,
            num_ldb_credits: 0x3231,
            num_dir_credits: 0x3433,
            num_sn_slots: [0x3635, 0x3837],
        },
        &[
            0x00000000, 0x14131211, 0x18171615, 0x1c1b1a19, 0x201f1e1d, 0x24232221, 0x28272625,
            0x2c2b2a29, 0x302f2e2d, 0x34333231, 0x38373635,
        ],
    );
    answer::<CreateSchedDomain>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0x1c1b1a19,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    answer::<ResetSchedDomain>(
        Code {
            error_code: 0x14131211,
        },
        &[0x00000000, 0x14131211],
    );
    answer::<CreateLdbQueue>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0x1c1b1a19,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    answer::<CreateDirQueue>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0x1c1b1a19,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    answer::<CreateLdbPort>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0x1c1b1a19,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    answer::<CreateDirPort>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0x1c1b1a19,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    answer::<EnableLdbPort>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x00000000],
    );
    answer::<DisableLdbPort>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x00000000],
    );
    answer::<EnableDirPort>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x00000000],
    );
    answer::<DisableDirPort>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x00000000],
    );
    answer::<LdbPortOwnedByDomain>(Owned { owned: 0x14131211 }, &[0x00000000, 0x14131211]);
    answer::<DirPortOwnedByDomain>(Owned { owned: 0x14131211 }, &[0x00000000, 0x14131211]);
    answer::<MapQid>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0x1c1b1a19,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    answer::<UnmapQid>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x00000000],
    );
    answer::<StartDomain>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x00000000],
    );
    answer::<EnableLdbPortIntr>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x00000000],
    );
    answer::<EnableDirPortIntr>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x00000000],
    );
    answer::<ArmCqIntr>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x00000000],
    );
    answer::<GetNumUsedResources>(
        Numbers {
            error_code: 0x14131211,
            num_sched_domains: 0x1615,
            num_ldb_queues: 0x1817,
            num_ldb_ports: 0x1a19,
            num_cos_ldb_ports: [0x1c1b, 0x1e1d, 0x201f, 0x2221],
            num_dir_ports: 0x2423,
            num_atomic_inflights: 0x28272625,
            num_hist_list_entries: 0x2c2b2a29,
            max_contiguous_hist_list_entries: 0x302f2e2d,
            num_ldb_credits: 0x3231,
            num_dir_credits: 0x3433,
            num_sn_slots: [0x3635, 0x3837],
        },
        &[
            0x00000000, 0x14131211, 0x18171615, 0x1c1b1a19, 0x201f1e1d, 0x24232221, 0x28272625,
            0x2c2b2a29, 0x302f2e2d, 0x34333231, 0x38373635,
        ],
    );
    answer::<GetSnAllocation>(Number { num: 0x14131211 }, &[0x00000000, 0x14131211]);
    answer::<GetLdbQueueDepth>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0x1c1b1a19,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    answer::<GetDirQueueDepth>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0x1c1b1a19,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    answer::<PendingPortUnmaps>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0x1c1b1a19,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    answer::<GetCosBw>(Number { num: 0x14131211 }, &[0x00000000, 0x14131211]);
    answer::<GetSnOccupancy>(Number { num: 0x14131211 }, &[0x00000000, 0x14131211]);
    answer::<QueryCqPollMode>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0x1c1b1a19,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x1c1b1a19],
    );
    answer::<DevReset>(
        Code {
            error_code: 0x14131211,
        },
        &[0x00000000, 0x14131211],
    );
    answer::<EnableCqWeight>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x00000000],
    );
    answer::<CqInflightCtrl>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x00000000],
    );
    answer::<GetXstats>(
        Xstats {
            error_code: 0x14131211,
            status: 0x18171615,
            xstats_val: 0x201f1e1d1c1b1a19,
        },
        &[
            0x00000000, 0x14131211, 0x18171615, 0x00000000, 0x1c1b1a19, 0x201f1e1d,
        ],
    );
    answer::<StopDomain>(
        Outcome {
            error_code: 0x14131211,
            status: 0x18171615,
            value: 0,
        },
        &[0x00000000, 0x14131211, 0x18171615, 0x00000000],
    );
}

#[test]
fn requests_of_the_pf_and_the_answer() {
    let words = [0, 0x11, 0x22, 0x33];
    let alert = DomainAlert {
        domain_id: 0x11,
        alert_id: 0x22,
        aux_alert_data: 0x33,
    };
    request(0, 1, alert, &words);
    request(1, 1, Notification { notification: 7 }, &[1, 7]);
    request(2, 1, InUse {}, &[2, 0]);
    answer::<InUse>(InUseAnswer { in_use: 1 }, &[0, 1]);
}

#[test]
fn padding_is_ignored() {
    let words = [0xffff_ffff; 16];
    let raw = Raw::from_words(words.iter().copied());
    let inflight = CqInflightCtrl::decode(&raw);
    assert_eq!((inflight.enable, inflight.threshold), (0xff, 0xffff));
    let encoded = inflight.to_raw();
    assert_eq!(
        encoded.words(16),
        [31, 0xffff_ffff, 0xffff_ffff, 0xffff_00ff]
    );
}

#[test]
fn messages_fit_their_place() {
    assert_eq!(VF_REQUEST_WORD * 4 + VF_REQUEST_WORDS * 4, 240);
    assert_eq!((VF_RESPONSE_WORD * 4, PF_REQUEST_WORD * 4), (240, 48));
    assert_eq!(PF_RESPONSE_WORDS * 4, 48);
    assert_eq!(PF_REQUEST_WORDS * 4, 16);
    const { assert!(Numbers::SIZE <= 48 && CreateSchedDomain::SIZE <= 236) };
    const { assert!(CreateSchedDomain::SIZE as usize <= MAX_WORDS * 4) };
}
