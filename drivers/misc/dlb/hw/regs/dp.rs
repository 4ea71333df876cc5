// SPDX-License-Identifier: GPL-2.0

//! DP: the directed pipe.

use super::*;

register! {
    unit Dp in Csr;

    /// Weights between priorities of directed elements.
    pub DP_CFG_ARB_WEIGHTS_TQPRI_DIR_0(u32) @ 0x54000000 = 0xfefcfaf8 {
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
    pub DP_CFG_ARB_WEIGHTS_TQPRI_DIR_1(u32) @ 0x54000004 {}

    /// Weights between priorities of directed elements released by the reorder pipe.
    pub DP_CFG_ARB_WEIGHTS_TQPRI_REPLAY_0(u32) @ 0x54000008 = 0xfefcfaf8 {
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
    pub DP_CFG_ARB_WEIGHTS_TQPRI_REPLAY_1(u32) @ 0x5400000c {}

    /// Alarm masks of the directed pipe.
    pub DP_DIR_CSR_CTRL(u32) @ 0x54000010 {
        /// 1 = no alarm for corrected errors.
        0:0 int_cor_alarm_dis;
        /// 1 = no syndrome for corrected errors.
        1:1 int_cor_synd_dis;
        /// 1 = no alarm for uncorrected errors.
        2:2 int_uncr_alarm_dis;
        /// 1 = no syndrome for uncorrected errors.
        3:3 int_unc_synd_dis;
        /// 1 = no alarm for information class 0.
        4:4 int_inf0_alarm_dis;
        /// 1 = no syndrome for information class 0.
        5:5 int_inf0_synd_dis;
        /// 1 = no alarm for information class 1.
        6:6 int_inf1_alarm_dis;
        /// 1 = no syndrome for information class 1.
        7:7 int_inf1_synd_dis;
        /// 1 = no alarm for information class 2.
        8:8 int_inf2_alarm_dis;
        /// 1 = no syndrome for information class 2.
        9:9 int_inf2_synd_dis;
        /// 1 = no alarm for information class 3.
        10:10 int_inf3_alarm_dis;
        /// 1 = no syndrome for information class 3.
        11:11 int_inf3_synd_dis;
        /// 1 = no alarm for information class 4.
        12:12 int_inf4_alarm_dis;
        /// 1 = no syndrome for information class 4.
        13:13 int_inf4_synd_dis;
        /// 1 = no alarm for information class 5.
        14:14 int_inf5_alarm_dis;
        /// 1 = no syndrome for information class 5.
        15:15 int_inf5_synd_dis;
    }

    /// Performance monitor: first counter.
    pub DP_SMON_ACTIVITYCNTR0(u32) @ 0x5c000058 {
        /// Counter.
        31:0 counter0;
    }

    /// Performance monitor: second counter.
    pub DP_SMON_ACTIVITYCNTR1(u32) @ 0x5c00005c {
        /// Counter.
        31:0 counter1;
    }

    /// Performance monitor: first value to compare with.
    pub DP_SMON_COMPARE0(u32) @ 0x5c000060 {
        /// Value.
        31:0 compare0;
    }

    /// Performance monitor: second value to compare with.
    pub DP_SMON_COMPARE1(u32) @ 0x5c000064 {
        /// Value.
        31:0 compare1;
    }

    /// Performance monitor: control.
    pub DP_SMON_CFG0(u32) @ 0x5c000068 = 0x40000000 {
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
    pub DP_SMON_CFG1(u32) @ 0x5c00006c {
        /// Mode of the first counter.
        7:0 mode0;
        /// Mode of the second counter.
        15:8 mode1;
    }

    /// Performance monitor: where the timer stops.
    pub DP_SMON_MAX_TMR(u32) @ 0x5c000070 {
        /// Timer value.
        31:0 maxvalue;
    }

    /// Performance monitor: timer.
    pub DP_SMON_TMR(u32) @ 0x5c000074 {
        /// Timer value.
        31:0 timer;
    }
}
