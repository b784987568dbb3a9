"""Cross-domain evaluation's section (4.1.4)."""

from pydantic import Field

from ddlivm.parameters.base import Section


class CrossDomainEvaluation(Section):
    """Accuracy and recall at the threshold that ships with each head, and mAP at IoU 0.4.

    Attributes:
        iou_threshold: of recall and mAP, 0 to 1.
        matched_recall: A recall at which the accuracy of all heads is compared beside that, 0 to 1; it takes the
            target's labels to find the threshold, so it is a diagnostic.
    """

    iou_threshold: float = Field(gt=0, le=1)
    matched_recall: float = Field(gt=0, lt=1)
