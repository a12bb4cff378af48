"""Every output type, by the name that task.yaml gives it."""

from __future__ import annotations

from collections.abc import Mapping

from e2lm_ingestion.output_types.generate_until import GENERATE_UNTIL
from e2lm_ingestion.output_types.loglikelihood import LOGLIKELIHOOD
from e2lm_ingestion.output_types.loglikelihood_rolling import LOGLIKELIHOOD_ROLLING
from e2lm_ingestion.output_types.multiple_choice import MULTIPLE_CHOICE
from e2lm_ingestion.output_types.protocol import OutputType

OUTPUT_TYPES: Mapping[str, OutputType] = {
    one.name: one for one in (MULTIPLE_CHOICE, LOGLIKELIHOOD, LOGLIKELIHOOD_ROLLING, GENERATE_UNTIL)
}
