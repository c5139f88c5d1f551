"""EDF and EDF+ (Kemp 1992, 2003) and BDF (24 bits), read by edfio, without annotations."""

import io

from ..checks import Rejected, rejecting
from ..recording import Recording, Source, lead_of_name, microvolts, rhythm

RECORDS = slice(236, 244)  # of the header: the number of data records
BDF = b"\xffBIOSEMI"


def is_edf(data: bytes) -> bool:
    """Whether a file begins with a header of EDF or BDF: its version, and the header's size."""
    return data[:8] in (b"0       ", BDF) and data[184:192].strip().isdigit()


def read(source: Source) -> Recording:
    """The ECG of an EDF or BDF file whose leads share one rate; raises Rejected."""
    from edfio import read_bdf, read_edf

    if source.data[192:197] in (b"EDF+D", b"BDF+D"):
        raise Rejected("not supported: EDF+ with interruptions")
    kind, read_it = ("BDF", read_bdf) if source.data[:8] == BDF else ("EDF", read_edf)
    with rejecting("damaged: EDF,"):
        edf = read_it(io.BytesIO(source.data), header_encoding="latin-1")
    if edf.num_data_records < int(source.data[RECORDS]):
        raise Rejected(f"truncated: {edf.num_data_records} whole records")
    signals = [(lead_of_name(signal.label), signal) for signal in edf.signals]
    rates = {signal.sampling_frequency for lead, signal in signals if lead} or {500}
    if len(rates) > 1:
        raise Rejected("sampling rate: the leads have different ones")
    leads = [
        (lead, s.data * (microvolts(s.physical_dimension, f"lead {lead} is in ") if lead else 1))
        for lead, s in signals
    ]
    rate_hz = float(rates.pop())
    return Recording(kind, rhythm(leads, rate_hz), rate_hz)
