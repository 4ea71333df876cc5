// SPDX-License-Identifier: GPL-2.0

//! NALB: the pipe of unordered and ordered elements.

use super::*;

register! {
    unit Nalb in Csr;

    /// Weights between priorities of atomic elements that wait for the atomic storage.
    pub NALB_CFG_ARB_WEIGHTS_TQPRI_ATQ_0(u32) @ 0x84000000 | 0x74000000 = 0xfefcfaf8 {
        /// Weight of bin 0 (priorities 0 and 1).
        7:0 pri0;
        /// Weight of bin 1 (priorities 2 and 3).
        15:8 pri1;
        /// Weight of bin 2 (priorities 4 and 5).
        23:16 pri2;
        /// Weight of bin 3 (priorities 6 and 7).
        31:24 pri3;
    }

    /// Second word of the weights, reserved.
    pub NALB_CFG_ARB_WEIGHTS_TQPRI_ATQ_1(u32) @ 0x84000004 | 0x74000004 {}

    /// Weights between priorities of unordered and ordered elements.
    pub NALB_CFG_ARB_WEIGHTS_TQPRI_NALB_0(u32) @ 0x84000008 | 0x74000008 = 0xfefcfaf8 {
        /// Weight of bin 0 (priorities 0 and 1).
        7:0 pri0;
        /// Weight of bin 1 (priorities 2 and 3).
        15:8 pri1;
        /// Weight of bin 2 (priorities 4 and 5).
        23:16 pri2;
        /// Weight of bin 3 (priorities 6 and 7).
        31:24 pri3;
    }

    /// Second word of the weights, reserved.
    pub NALB_CFG_ARB_WEIGHTS_TQPRI_NALB_1(u32) @ 0x8400000c | 0x7400000c {}

    /// Weights between priorities of elements released by the reorder pipe.
    pub NALB_CFG_ARB_WEIGHTS_TQPRI_REPLAY_0(u32) @ 0x84000010 | 0x74000010 = 0xfefcfaf8 {
        /// Weight of bin 0 (priorities 0 and 1).
        7:0 pri0;
        /// Weight of bin 1 (priorities 2 and 3).
        15:8 pri1;
        /// Weight of bin 2 (priorities 4 and 5).
        23:16 pri2;
        /// Weight of bin 3 (priorities 6 and 7).
        31:24 pri3;
    }

    /// Second word of the weights, reserved.
    pub NALB_CFG_ARB_WEIGHTS_TQPRI_REPLAY_1(u32) @ 0x84000014 | 0x74000014 {}

    /// Performance monitor: first counter.
    pub NALB_SMON_ACTIVITYCNTR0(u32) @ 0x8c000064 | - {
        /// Counter.
        31:0 counter0;
    }

    /// Performance monitor: second counter.
    pub NALB_SMON_ACTIVITYCNTR1(u32) @ 0x8c000068 | - {
        /// Counter.
        31:0 counter1;
    }

    /// Performance monitor: first value to compare with.
    pub NALB_SMON_COMPARE0(u32) @ 0x8c00006c | - {
        /// Value.
        31:0 compare0;
    }

    /// Performance monitor: second value to compare with.
    pub NALB_SMON_COMPARE1(u32) @ 0x8c000070 | - {
        /// Value.
        31:0 compare1;
    }

    /// Performance monitor: control.
    pub NALB_SMON_CFG0(u32) @ 0x8c000074 | - = 0x40000000 {
        /// 1 = on.
        0:0 smon_enable;
        /// Trigger of the first counter.
        1:1 smon_0trigger_enable;
        /// Function of the first counter.
        6:4 smon0_function;
        /// The first counter compares.
        7:7 smon0_function_compare;
        /// Function of the second counter.
        10:8 smon1_function;
        /// The second counter compares.
        11:11 smon1_function_compare;
        /// Mode.
        15:12 smon_mode;
        /// Stop when a counter overflows.
        16:16 stopcounterovfl;
        /// Interrupt when a counter overflows.
        17:17 intcounterovfl;
        /// The first counter overflowed.
        18:18 statcounter0ovfl;
        /// The second counter overflowed.
        19:19 statcounter1ovfl;
        /// Stop when the timer overflows.
        20:20 stoptimerovfl;
        /// Interrupt when the timer overflows.
        21:21 inttimerovfl;
        /// The timer overflowed.
        22:22 stattimerovfl;
        /// Prescaler of the timer.
        28:24 timer_prescale;
        /// Version of the monitor.
        31:30 version;
    }

    /// Performance monitor: modes.
    pub NALB_SMON_CFG1(u32) @ 0x8c000078 | - {
        /// Mode of the first counter.
        7:0 mode0;
        /// Mode of the second counter.
        15:8 mode1;
    }

    /// Performance monitor: where the timer stops.
    pub NALB_SMON_MAX_TMR(u32) @ 0x8c00007c | - {
        /// Timer value.
        31:0 maxvalue;
    }

    /// Performance monitor: timer.
    pub NALB_SMON_TMR(u32) @ 0x8c000080 | - {
        /// Timer value.
        31:0 timer;
    }
}
