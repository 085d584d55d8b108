// A pico-ice: the RP2040 of rp2040js, an FPGA that is configured over its pins, and in it a device on SPI that gives back every byte.
import { readFileSync } from 'node:fs';
import { GPIOPinState, LogLevel, ConsoleLogger, RP2040 } from 'rp2040js';
import { installRom, stepRom } from './rom.mjs';

const FLASH = 0x10000000, NANOSECONDS = 8;                      // a cycle of 125 MHz
const MARK = 0xe5, MOST = 255;                                  // rtl/link/spi.vh
const PIN = { miso: 0, cs: 1, sck: 2, mosi: 3, si: 8, ss: 9, configSck: 10, done: 26, reset: 27 };   // pico_ice/pins.h

// Files for the boot loader: blocks of 512 bytes, 256 of them to be stored.
function store(chip, name) {
    const file = readFileSync(name);
    for (let at = 0; at < file.length; at += 512)
        chip.flash.set(file.subarray(at + 32, at + 32 + file.readUInt32LE(at + 16)), file.readUInt32LE(at + 12) - FLASH);
}

export class Board {
    constructor(files) {
        this.chip = new RP2040();
        this.clock = this.chip.clock;
        this.chip.logger = new ConsoleLogger(LogLevel.Error);
        this.chip.peripherals[0x40058].onWatchdogTrigger = () => { throw new Error('the watchdog barked'); };
        this.fpga = { received: [], byte: 0, bits: 0, after: 0, configured: 0 };
        this.device = { held: [], place: 0, there: 0, count: 0, mark: MARK };
        for (const name of files) store(this.chip, name);
        installRom(this.chip);
        this.wire();
        this.chip.core.PC = FLASH;                              // the second stage of the boot loader
        this.chip.core.SP = 0x20042000;
        this.chip.core.LR = 0;
    }
    high(pin) { return this.chip.gpio[pin].value === GPIOPinState.High; }
    low(pin) { return this.chip.gpio[pin].value === GPIOPinState.Low; }

    wire() {
        const { gpio, spi } = this.chip;
        gpio[PIN.configSck].addListener(() => { if (this.high(PIN.configSck) && this.high(PIN.reset)) this.configClock(); });
        gpio[PIN.reset].addListener(() => { if (this.low(PIN.reset)) this.lose(); });
        gpio[PIN.cs].addListener(() => this.select());
        spi[0].onTransmit = (value) => spi[0].completeTransmit(this.exchange(value));
        this.lose();
    }

    // ---- FPGA
    lose() {
        Object.assign(this.fpga, { received: [], bits: 0, after: 0 });
        this.chip.gpio[PIN.done].setInputValue(false);
    }
    configClock() {
        const { fpga } = this;
        if (!this.low(PIN.ss)) {
            if (fpga.received.length > 0 && ++fpga.after === 60) { // between 1 and 100
                this.chip.gpio[PIN.done].setInputValue(true);
                fpga.configured++;
            }
            return;
        }
        fpga.byte = fpga.byte << 1 & 0xff | (this.high(PIN.si) ? 1 : 0);
        if (++fpga.bits % 8 === 0) fpga.received.push(fpga.byte);
    }

    // ---- the device in it
    select() {
        const { device } = this;
        device.place = device.count = 0;
        device.there = Math.min(device.held.length, MOST);
    }
    exchange(value) {
        const { device } = this, place = device.place++;
        if (!this.low(PIN.cs)) throw new Error('clocked without CS');
        if (place === 0) return MOST;
        if (place === 1) return device.there;
        if (place === 2) { device.count = value; return device.mark; }
        if (device.count-- > 0) device.held.push(value);
        return device.there-- > 0 ? device.held.shift() : 0;
    }

    // Runs until `done` says so; an error after `milliseconds` of the board's time.
    run(done, milliseconds, what) {
        const end = this.clock.nanos + milliseconds * 1e6, { core } = this.chip;
        while (!done()) {
            if (this.clock.nanos > end) throw new Error(`not within ${milliseconds} ms: ${what}`);
            for (let n = 0; n < 100; n++) {
                stepRom(this.chip);
                this.clock.tick(core.waiting ? this.clock.nanosToNextAlarm : core.executeInstruction() * NANOSECONDS);
            }
        }
    }
}
