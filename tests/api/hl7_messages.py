"""HL7 v2 messages for tests, put together from segments."""

from api.hl7.reading import read_hl7
from domain.report_content import Observation, ReportContent

HEADER = r"MSH|^~\&|LIS|LAB^1.2.643.5.1^ISO|CABINET|PORTAL|20240403101500+0300||ORU^R01^ORU_R01|17|P|2.5.1"
PATIENT = "PID|1||12345678901^^^&1.2.643.100.3&ISO^SNILS||Иванова^Анна^Петровна^^^^L||19800229|F"
REQUEST = (
    "OBR|1|P1^LIS|F1^LAB^1.2.3.4.5^ISO|58410-2^CBC^LN|||20240403091500|||||||||||||||20240403101200||HM|F"
)


def content(*segments: str, header: str = HEADER, codec: str = "utf-8") -> bytes:
    return "\r".join([header, *segments, ""]).encode(codec)


def report(*segments: str, header: str = HEADER) -> ReportContent:
    """The only report of a message with a patient and a request."""
    (found,) = read_hl7(content(PATIENT, REQUEST, *segments, header=header))
    return found


def observation(fields: str) -> Observation:
    """The only observation of a message; the fields begin with OBX-2."""
    (found,) = report(f"OBX|1|{fields}").observations
    return found
