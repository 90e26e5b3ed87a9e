"""Other libraries' reports about their users are switched off before those libraries are imported."""

from __future__ import annotations

import os
import sys


def switch_off() -> None:
    """Keep OpenVINO and ONNX Runtime from sending events and from leaving an identity in the home folder.

    Both do so at import, so this has to come first; `import matting` does it.
    """
    # Without this module OpenVINO takes a stand-in of its own that does nothing; None makes importing it fail.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    # Read when its library is loaded. `disable_telemetry_events` comes too late: the identity is written by then.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
