// SPDX-License-Identifier: GPL-2.0

//! Byte-exact layout of the data path's two items.

use dlb_hw::hw::hcw::{Command, CqEntry, Hcw, SchedType};

#[test]
fn a_new_element_has_its_fields_where_the_device_looks() {
    let hcw = Hcw {
        data: 0x0123_4567_89ab_cdef,
        ..Hcw::command(Command::New)
    }
    .with_opaque(0xbeef)
    .with_qid(0x1f)
    .with_sched_type(SchedType::Ordered as u8)
    .with_priority(5)
    .with_msg_type(3)
    .with_lock_id(0xa55a)
    .with_weight(2);
    assert_eq!(
        hcw.to_words(),
        [0x0123_4567_89ab_cdef, 0x0804_a55a_761f_beef]
    );
}

#[test]
fn a_line_has_its_elements_in_order() {
    let line = [1u64, 3, 5, 7].map(|data| Hcw {
        data,
        control: data + 1,
    });
    assert_eq!(Hcw::line_to_words(&line), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn token_returns_carry_the_count_less_one() {
    assert_eq!(Hcw::return_tokens(0), Hcw::NOOP);
    assert_eq!(Hcw::return_tokens(4).control, 0x0100_0003_0000_0000);
    assert_eq!(Hcw::return_tokens(1024).control, 0x0100_03ff_0000_0000);
    assert_eq!(Hcw::complete(0).control, 0x0200_0000_0000_0000);
    assert_eq!(Hcw::complete(9).control, 0x0300_0008_0000_0000);
}

#[test]
fn command_codes_survive_a_round_trip() {
    for code in 0..16 {
        match Command::from_code(code) {
            Some(command) => assert_eq!(Hcw::command(command).command_code(), code),
            None => assert!([4, 6, 7, 14, 15].contains(&code)),
        }
    }
}

#[test]
fn an_entry_has_its_fields_where_software_looks() {
    let entry = CqEntry { data: 7, state: 0 }
        .with_qid(3)
        .with_sched_type(1)
        .with_priority(2)
        .with_lock_id(0x1234)
        .with_generation(1)
        .with_qid_depth(3);
    assert_eq!(
        entry.to_bytes(),
        [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0x09, 0x34, 0x12, 0, 0x07]
    );
}
