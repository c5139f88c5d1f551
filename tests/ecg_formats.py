"""Small files of every format, written from a known ECG: (12, n) whole µV, Einthoven's law holding.

A writer returns the bytes of a file that holds the ECG, and a median beat where the format has one.
"""

import base64
import io
import struct
import zlib

import edfio
import numpy as np
import pydicom
import simulated_ecg
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset

from ecghelpers.ecg import INDEPENDENT_LEADS, LEADS, twelve_leads

EIGHT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
SCP_CODES = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, *range(3, 9)), strict=True))
PERSON = "Vinterbottom"  # a name, a birth date and an id that must not come through
PERSONAL = (PERSON, "19481231", "MRN0055512")
MACHINE = {"VentRate": 71, "pr": 158, "qrs": 92, "qt": 396}


def ecg(seconds=10, rate: int = 500, heart_rate: float = 72) -> np.ndarray:
    """(12, n) µV in steps of 10, so that every lead is whole: simulated beats, and noise."""
    eight = simulated_ecg.ecg(seconds=seconds, rate_hz=rate, rr=60_000 / heart_rate)
    return twelve_leads(np.rint((eight + simulated_ecg.noise(eight.shape, 4)) / 10) * 10)


def median() -> np.ndarray:
    """(12, 600) µV of the machine's own beat, whose QRS begins at sample 210."""
    beat = simulated_ecg.beat(2.0 * np.arange(600) - 420)
    return twelve_leads(np.rint(beat / 10) * 10)


def _muse_wave(kind: str, leads: np.ndarray, rate: float, spoil) -> str:
    cells = []
    for name, samples in zip(INDEPENDENT_LEADS, leads[EIGHT], strict=True):
        raw = np.rint(samples / 5).astype("<i2").tobytes()
        crc = zlib.crc32(raw)
        raw = spoil(raw)
        cells.append(
            f"<LeadData><LeadByteCountTotal>{2 * leads.shape[1]}</LeadByteCountTotal>"
            "<LeadAmplitudeUnitsPerBit>5</LeadAmplitudeUnitsPerBit>"
            "<LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits><LeadOffsetFirstSample>0"
            f"</LeadOffsetFirstSample><LeadID>{name}</LeadID><LeadDataCRC32>{crc}</LeadDataCRC32>"
            f"<WaveFormData>{base64.encodebytes(raw).decode()}</WaveFormData></LeadData>"
        )
    return (
        f"<Waveform><WaveformType>{kind}</WaveformType><SampleBase>{rate}</SampleBase>"
        f"<SampleExponent>0</SampleExponent>{''.join(cells)}</Waveform>"
    )


def muse(leads=None, beat=None, rate=500, spoil=bytes, patient=PERSONAL[2], r=1105) -> bytes:
    leads, beat = ecg(rate=rate) if leads is None else leads, median() if beat is None else beat
    cells = [(6, 13, r), (6, 29, -14), (6, 39, 312), (7, 13, 5)]
    step, at = 500 / rate, (120, 170, 210, 256, 300, 408)
    head = struct.pack("<18h", 36, *(int(a / step) for a in at), *[-1] * 11)
    matrix = head + b"".join(struct.pack("<BBh", *cell) for cell in cells)
    marks = dict(zip(("POnset", "POffset", "QOnset", "QOffset", "", "TOffset"), at, strict=True))
    marks = "".join(f"<{tag}>{a / step:g}</{tag}>" for tag, a in marks.items() if tag)
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE RestingECG SYSTEM "restecg.dtd">'
        f"<RestingECG><PatientDemographics><PatientID>{patient}</PatientID>"
        f"<PatientLastName>{PERSON}</PatientLastName></PatientDemographics>"
        "<RestingECGMeasurements><VentricularRate>99</VentricularRate></RestingECGMeasurements>"
        "<OriginalRestingECGMeasurements><VentricularRate>71</VentricularRate>"
        "<PRInterval>158</PRInterval><QRSDuration>92</QRSDuration><QTInterval>396</QTInterval>"
        f"{marks}<ECGSampleBase>{rate}</ECGSampleBase></OriginalRestingECGMeasurements>"
        f"<MeasurementMatrix>{base64.b64encode(matrix).decode()}</MeasurementMatrix>"
        + _muse_wave("Median", beat, rate, bytes)
        + _muse_wave("Rhythm", leads, rate, spoil)
        + "</RestingECG>"
    ).encode("latin-1")


def _comma(samples: np.ndarray, scale: float) -> str:
    return ",".join(map(str, np.rint(samples / scale).astype(int)))


def cardiosoft(kind: str = "RestECG") -> bytes:
    def waves(leads):
        rows = (
            f'<WaveformData lead="{lead}">\t{_comma(samples, 5)}</WaveformData>'
            for lead, samples in zip(LEADS, leads, strict=True)
        )
        head = '<SampleRate units="Hz">500</SampleRate><Resolution units="uVperLsb">5</Resolution>'
        return head + "".join(rows)

    row = ", ".join(str(100 * place) for place in range(12))  # V5 is the 11th
    return (
        f"<CardiologyXML><ObservationType>{kind}</ObservationType>"
        f"<PatientInfo><PID>{PERSONAL[2]}</PID><Name><FamilyName>{PERSON}</FamilyName></Name>"
        "</PatientInfo><RestingECGMeasurements><DiagnosisVersion>12SL V21</DiagnosisVersion>"
        "<VentricularRate>71</VentricularRate><PQInterval>158</PQInterval>"
        "<QRSDuration>92</QRSDuration><QTInterval>396</QTInterval>"
        f"<MeasurementTable><LeadOrder>{', '.join(LEADS)}</LeadOrder>"
        f"<RAmplitude>{row}</RAmplitude></MeasurementTable><QOnset>420</QOnset>"
        f"<MedianSamples>{waves(median())}</MedianSamples></RestingECGMeasurements>"
        f"<StripData>{waves(ecg())}</StripData></CardiologyXML>"
    ).encode()


def schiller() -> bytes:
    def wave(kind, leads):
        channels = (
            f"<channel><annotation_lead><name>R_AMPL</name><value>1.105</value></annotation_lead>"
            f"<name>{lead.upper()}</name><data>{_comma(samples, 1)}</data></channel>"
            for lead, samples in zip(LEADS, leads, strict=True)
        )
        return (
            f"<wavedata><type>{kind}</type><resolution><samplerate><value>500</value></samplerate>"
            "<yres><unitperbit>1.0</unitperbit><units>UV</units></yres></resolution>"
            f"{''.join(channels)}</wavedata>"
        )

    said = {"HR": 71, "PQ": 158, "QRS": 92, "QT": 396, "QRS_ON": 210}
    notes = "".join(
        f"<annotation_global><name>{name}</name><value>{value}</value></annotation_global>"
        for name, value in said.items()
    )
    root = "com.xiriuz.sema.xml.schillerEDI.SchillerEDI"
    return (
        f"<{root}><patdata><id>{PERSONAL[2]}</id><lastname>{PERSON}</lastname></patdata><eventdata>"
        f"<event>{wave('ECG_AVERAGES', median())}{wave('ECG_RHYTHMS', ecg())}{notes}</event>"
        f"</eventdata></{root}>"
    ).encode()


def aecg(gap: slice | None = None) -> bytes:
    def sequences(leads, step):
        time = f'<code code="TIME_RELATIVE"/><value><increment value="{step}" unit="ms"/></value>'
        rows = [f"<sequence>{time}</sequence>"]
        for lead, samples in zip(LEADS, leads, strict=True):
            digits = np.rint(samples * 2).astype(int)
            if gap is not None and lead == "V3":
                digits[gap] = -32768
            rows.append(
                f'<sequence><code code="MDC_ECG_LEAD_{lead.upper()}"/><value>'
                '<origin value="0" unit="uV"/><scale value="0.5" unit="uV"/>'
                f"<digits>{' '.join(map(str, digits))}</digits></value></sequence>"
            )
        return "<component><sequenceSet>" + "".join(rows) + "</sequenceSet></component>"

    codes = {"HEART_RATE": 71, "TIME_PD_PR": 158, "TIME_PD_QRS": 92, "TIME_PD_QT": 396}
    notes = "".join(
        f'<annotation><code code="MDC_ECG_{code}"/><value value="{value}" unit="ms"/></annotation>'
        for code, value in codes.items()
    )
    return (
        '<AnnotatedECG xmlns="urn:hl7-org:v3"><trialSubject>'
        f'<id root="1.2" extension="{PERSONAL[2]}"/><name>{PERSON}</name></trialSubject>'
        f'<component><series><code code="RHYTHM"/>{sequences(ecg(), 2)}'
        f"<subjectOf><annotationSet>{notes}</annotationSet></subjectOf><derivation><derivedSeries>"
        f'<code code="REPRESENTATIVE_BEAT"/>{sequences(median(), 2)}</derivedSeries></derivation>'
        "</series></component></AnnotatedECG>"
    ).encode()


def _lzw(data: bytes) -> bytes:
    """LZW codes of 10 bits; the table stops growing at 1022."""
    table, codes, before = {bytes([i]): i for i in range(256)}, [], b""
    for value in data:
        now = before + bytes([value])
        if now not in table:
            codes.append(table[before])
            if len(table) < 1023:
                table[now] = len(table)
            now = bytes([value])
        before = now
    bits = "".join(f"{code:010b}" for code in [*codes, table[before], 1023])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _xli(channels: np.ndarray) -> bytes:
    leads = channels.copy()
    one, two, three = channels[0], channels[1], channels[2]
    leads[2] = two - one - three
    leads[3] = -channels[3] - (one + two) // 2
    leads[4] = (one - three) // 2 - channels[4]
    leads[5] = (two + three) // 2 - channels[5]
    out = b""
    for x in leads:
        bend = 2 * x[1:-1] - x[:-2] - x[2:]
        values = np.concatenate((x[:2], bend[1:] + 64, [0])).astype(">i2").tobytes()
        packed = _lzw(values[::2] + values[1::2])
        out += struct.pack("<Ihh", len(packed), 0, bend[0]) + packed
    return out


def philips(packed: bool = True, encoding: str = "utf-16") -> bytes:
    leads = np.rint(ecg(11) / 5).astype(int)
    leads[:, 5300:] = 0
    leads[:, 5350:5450] = 200  # the calibration pulse of 1 mV
    raw = _xli(leads) if packed else leads.astype("<i2").tobytes()
    how = "XLI" if packed else "Uncompressed"
    beats = "".join(
        f'<repbeat leadname="{lead}"><waveform duration="1200">'
        f"{base64.b64encode(samples.astype('<i2')).decode()}</waveform></repbeat>"
        for lead, samples in zip(LEADS, median(), strict=True)
    )
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        '<restingecgdata xmlns="http://www3.medical.philips.com"><dataacquisition>'
        "<signalcharacteristics><samplingrate>500</samplingrate><resolution>5</resolution>"
        "</signalcharacteristics></dataacquisition><patient><generalpatientdata>"
        f"<patientid>{PERSONAL[2]}</patientid><name><lastname>{PERSON}</lastname></name>"
        "</generalpatientdata></patient><interpretations><interpretation><globalmeasurements>"
        "<heartrate>71</heartrate><print>158</print><qrsdur>92</qrsdur><qtint>396</qtint>"
        "</globalmeasurements></interpretation></interpretations><waveforms>"
        f'<parsedwaveforms dataencoding="Base64" compression="{how}" leadlabels="{" ".join(LEADS)}"'
        f' durationperchannel="11000">{base64.encodebytes(raw).decode()}</parsedwaveforms>'
        f'<repbeats dataencoding="Base64" samplespersec="500" resolution="1">{beats}</repbeats>'
        "</waveforms></restingecgdata>"
    ).encode(encoding)


def _code(value: str, meaning: str, scheme: str = "SCPECG") -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _group(label: str, leads: np.ndarray, codes: bool, unit: str) -> Dataset:
    group = Dataset()
    group.MultiplexGroupLabel, group.SamplingFrequency = label, 500
    group.WaveformOriginality = "ORIGINAL" if label == "RHYTHM" else "DERIVED"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = 12, leads.shape[1]
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    group.WaveformData = np.rint(leads.T / 5).astype("<i2").tobytes()
    channels = []
    for lead in LEADS:
        channel = Dataset()
        coded = _code(f"5.6.3-9-{SCP_CODES[lead]}", "coded")
        channel.ChannelSourceSequence = [coded if codes else _code("x", f"Lead {lead} (Einthoven)")]
        channel.ChannelSensitivity = 2.5 * {"uV": 1, "mV": 0.001}[unit]
        channel.ChannelSensitivityCorrectionFactor, channel.ChannelBaseline = 2, 0
        channel.ChannelSensitivityUnitsSequence = [_code(unit, unit, "UCUM")]
        channels.append(channel)
    group.ChannelDefinitionSequence = channels
    return group


def dicom(codes=True, unit="uV", syntax="1.2.840.10008.1.2.1") -> bytes:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID = "1.2.840.10008.5.1.4.1.1.9.1.1"
    file.SOPInstanceUID, file.Manufacturer = "1.2.3", "Mortara Instrument, Inc."
    file.PatientName, file.PatientID, file.PatientBirthDate = PERSONAL[0], PERSONAL[2], PERSONAL[1]
    file.WaveformSequence = [_group("RHYTHM", ecg(), codes, unit)]
    file.WaveformSequence.append(_group("MEDIAN BEAT", median(), codes, unit))
    names = "Ventricular Heart Rate", "PR Interval", "QRS Duration", "QT Interval"
    numbers = "2:16770", "2:15872", "2:16156", "2:16160"
    file.WaveformAnnotationSequence = []
    for code, meaning, value in zip(numbers, names, MACHINE.values(), strict=True):
        note = Dataset()
        note.ConceptNameCodeSequence, note.NumericValue = [_code(code, meaning, "MDC")], value
        note.MeasurementUnitsCodeSequence = [_code("ms", "ms", "UCUM")]
        file.WaveformAnnotationSequence.append(note)
    raw = io.BytesIO()
    pydicom.dcmwrite(raw, file, enforce_file_format=True)
    return raw.getvalue()


def _huffman(values: np.ndarray) -> bytes:
    """The standard's own table: up to 8 as ones and a sign, else 16 bits after ten ones."""
    bits = ""
    for value in values.tolist():
        if abs(value) <= 8:
            bits += "1" * abs(value) + "0" + ("" if value == 0 else "01"[value < 0])
        elif abs(value) < 128:
            bits += "1111111110" + f"{value & 0xFF:08b}"
        else:
            bits += "1111111111" + f"{value & 0xFFFF:016b}"
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _scp_table() -> bytes:
    """The standard's table as a table of the file's own: codes begin with the last bit."""
    rows = [("0", 1, 0), ("1111111110", 18, 0), ("1111111111", 26, 0)]
    for value in range(1, 9):
        rows += [("1" * value + "0" + s, value + 2, v) for s, v in (("0", value), ("1", -value))]
    cells = [struct.pack("<BBBhI", len(c), n, 1, v, int(c[::-1], 2)) for c, n, v in rows]
    return struct.pack("<HH", 1, len(rows)) + b"".join(cells)


def scp(differences=2, huffman=True, own_table=False, subtracted=()) -> bytes:

    def wave(leads):
        parts = []
        for samples in np.rint(leads / 5).astype(int):
            values = np.concatenate((samples[:differences], np.diff(samples, differences)))
            parts.append(_huffman(values) if huffman else values.astype("<i2").tobytes())
        sizes = struct.pack(f"<{len(parts)}H", *map(len, parts))
        return struct.pack("<HHBB", 5000, 2000, differences, 0) + sizes + b"".join(parts)

    leads, beat = ecg()[EIGHT], median()[EIGHT]
    for at in subtracted:  # the samples, from 1, at which the beat's 210th sample lay
        leads[:, at - 51 : at + 80] -= beat[:, 159:290]
    zones = [struct.pack("<HIII", 0, at - 50, at, at + 80) for at in subtracted]
    codes = b"".join(struct.pack("<IIB", 1, 5000, SCP_CODES[n]) for n in INDEPENDENT_LEADS)
    name = b"".join(struct.pack("<BH", t, len(v) + 1) + v.encode() + b"\0" for t, v in
                    ((0, PERSON), (2, PERSONAL[2])))  # fmt: skip
    bodies = {
        1: name + struct.pack("<BH", 255, 0),
        3: struct.pack("<BB", 8, 4 | 8 << 3 | bool(subtracted)) + codes,
        4: struct.pack("<HHH", 1200, 210, len(zones)) + b"".join(zones),
        5: wave(beat),
        6: wave(leads),
        7: struct.pack("<BBHH8h", 1, 0, 845, 845, 240, 340, 398, 490, 794, 0, 0, 0),
    }
    if huffman:
        bodies[2] = _scp_table() if own_table else struct.pack("<H", 19999)
    place, pointers, rest = 6 + 16 + 12 * 10 + 1, struct.pack("<HII", 0, 136, 7), b""
    for number in range(1, 12):
        body = bodies.get(number, b"")
        size = len(body) + 16 if body else 0
        pointers += struct.pack("<HII", number, size, place if body else 0)
        if body:
            rest += struct.pack("<HHIBB6s", 0, number, size, 20, 20, b"") + body
            place += size
    head = struct.pack("<HHIBB6s", 0, 0, 136, 20, 20, b"SCPECG")
    return struct.pack("<HI", 0, 6 + len(head + pointers + rest)) + head + pointers + rest


def edf(labels=LEADS, leads=None, unit="mV", kind=edfio.Edf, signal=edfio.EdfSignal) -> bytes:
    leads, scale = ecg() if leads is None else leads, {"mV": 1000, "uV": 1}[unit]
    how = {"physical_dimension": unit, "digital_range": (-32768, 32767)}
    how |= {"physical_range": (-32768 / scale, 32767 / scale)}
    signals = [
        signal(samples / scale, 500, label=f"ECG {label}", **how)
        for label, samples in zip(labels, leads, strict=True)
    ]
    return kind(signals, patient=edfio.Patient(name=PERSON)).to_bytes()
