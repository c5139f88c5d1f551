"""EDF and EDF+ (Kemp 1992, 2003), read by edfio, without annotations."""

import io
import warnings

from ..checks import Rejected, rejecting
from ..recording import Recording, Source, lead_of_name, microvolts, rhythm

RECORDS = slice(236, 244)  # of the header: the number of data records


def is_edf(data: bytes) -> bool:
    """Whether a file begins with an EDF header: its version, and the header's size."""
    return data[:8] == b"0       " and data[184:192].strip().isdigit()


def read(source: Source) -> Recording:
    """The ECG of an EDF file whose leads share one rate; raises Rejected."""
    from edfio import read_edf

    if source.data[192:197] == b"EDF+D":
        raise Rejected("not supported: EDF+ with interruptions")
    # what a warning would say is checked below
    with rejecting("damaged: EDF,"), warnings.catch_warnings(action="ignore"):
        edf = read_edf(io.BytesIO(source.data), lazy_load_data=False)
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
    return Recording("EDF", rhythm(leads, rate_hz), rate_hz)
