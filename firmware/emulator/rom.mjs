// The boot ROM of an RP2040 as far as the image needs it: a table look-up, and the functions found by it, each carried out at once when the core jumps to it.

const LOOKUP = 0x100, FIRST = 0x200;
const code = (name) => name.charCodeAt(0) | name.charCodeAt(1) << 8;

const fill = (chip, to, value, size) => { for (let n = 0; n < size; n++) chip.writeUint8(to + n, value & 0xff); return to; };
const copy = (chip, to, from, size) => { for (let n = 0; n < size; n++) chip.writeUint8(to + n, chip.readUint8(from + n)); return to; };
const bits = (value) => (value >>> 0).toString(2).padStart(32, '0');
const nothing = () => 0;

const functions = {
    MS: fill, S4: fill, MC: copy, C4: copy,
    P3: (chip, value) => bits(value).replaceAll('0', '').length,
    R3: (chip, value) => parseInt([...bits(value)].reverse().join(''), 2),
    L3: (chip, value) => Math.clz32(value),
    T3: (chip, value) => bits(value).length - bits(value).lastIndexOf('1') - 1,
    IF: nothing, EX: nothing, FC: nothing, CX: nothing,          // the flash is always there
};
const names = Object.keys(functions);

export function installRom(chip) {
    chip.bootrom[4] = 2 << 24;                                  // version B1, at 0x13
    chip.bootrom[5] = 0;                                        // the tables that look-ups are told of
    chip.bootrom[6] = LOOKUP | 1;
}

// To be called before every instruction: does what the ROM would do there.
export function stepRom(chip) {
    const { core } = chip, r = core.registers;
    if (core.PC >= 0x4000) return;
    if (core.PC === LOOKUP) {
        const found = names.findIndex((name) => code(name) === (r[1] & 0xffff));
        r[0] = found < 0 ? 0 : FIRST + 4 * found | 1;
    } else {
        const name = names[(core.PC - FIRST) / 4];
        if (!name) throw new Error(`the image ran into the ROM at 0x${core.PC.toString(16)}`);
        r[0] = functions[name](chip, r[0] >>> 0, r[1] >>> 0, r[2] >>> 0);
    }
    core.PC = core.LR & ~1;
}
