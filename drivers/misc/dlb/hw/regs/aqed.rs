// SPDX-License-Identifier: GPL-2.0

//! AQED: storage of atomic elements about to be scheduled.

use super::*;

register! {
    unit Aqed in Csr;

    /// How many different flows of a queue may be in the atomic storage.
    pub AQED_QID_FID_LIM(u32)[32, stride = 0x1000] @ 0x20000000 = 0x7ff {
        /// Number of flows.
        12:0 qid_fid_limit;
    }

    /// Lock-ID compression of a queue.
    pub AQED_QID_HID_WIDTH(u32)[32, stride = 0x1000] @ 0x20080000 {
        /// 0 = none, n = 32 << n flows.
        2:0 compress_code;
    }

    /// Weights between priorities inside the atomic storage.
    pub AQED_CFG_ARB_WEIGHTS_TQPRI_ATM_0(u32) @ 0x24000004 = 0xfefcfaf8 {
        /// Weight of bin 0 (priorities 0 and 1).
        7:0 pri0;
        /// Weight of bin 1 (priorities 2 and 3).
        15:8 pri1;
        /// Weight of bin 2 (priorities 4 and 5).
        23:16 pri2;
        /// Weight of bin 3 (priorities 6 and 7).
        31:24 pri3;
    }

    /// Performance monitor: first counter.
    pub AQED_SMON_ACTIVITYCNTR0(u32) @ 0x2c00004c {
        /// Counter.
        31:0 counter0;
    }

    /// Performance monitor: second counter.
    pub AQED_SMON_ACTIVITYCNTR1(u32) @ 0x2c000050 {
        /// Counter.
        31:0 counter1;
    }

    /// Performance monitor: first value to compare with.
    pub AQED_SMON_COMPARE0(u32) @ 0x2c000054 {
        /// Value.
        31:0 compare0;
    }

    /// Performance monitor: second value to compare with.
    pub AQED_SMON_COMPARE1(u32) @ 0x2c000058 {
        /// Value.
        31:0 compare1;
    }

    /// Performance monitor: control.
    pub AQED_SMON_CFG0(u32) @ 0x2c00005c = 0x40000000 {
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
    pub AQED_SMON_CFG1(u32) @ 0x2c000060 {
        /// Mode of the first counter.
        7:0 mode0;
        /// Mode of the second counter.
        15:8 mode1;
    }

    /// Performance monitor: where the timer stops.
    pub AQED_SMON_MAX_TMR(u32) @ 0x2c000064 {
        /// Timer value.
        31:0 maxvalue;
    }

    /// Performance monitor: timer.
    pub AQED_SMON_TMR(u32) @ 0x2c000068 {
        /// Timer value.
        31:0 timer;
    }
}
