"""Which of captum's methods run on which networks; a failure gives its one line."""

from __future__ import annotations

import warnings

from common import arguments, faces, network, timed

from xai_compare import explainers
from xai_compare.errors import InputError
from xai_compare.explainers.captum_methods import METHODS

FAST = {"KernelShap": {"n_samples": 30}, "Lime": {"n_samples": 30}, "ShapleyValueSampling": {"n_samples": 1},
        "IntegratedGradients": {"n_steps": 8}}  # fmt: skip


def main() -> None:
    """Print a table, then the failures."""
    args = arguments(__doc__ or "")
    warnings.simplefilter("ignore")
    failures = []
    print("| method | " + " | ".join(args.networks) + " |\n|" + " --- |" * (len(args.networks) + 1))
    loaded = [network(name, args.data, args.device) for name in args.networks]
    for method in METHODS:
        cells = []
        for model in loaded:
            explainer = explainers.create(f"captum:{method}", **FAST.get(method, {}))
            image = faces(args.data, 1, model.input.size)
            try:
                seconds, found = timed(lambda: explainer.explain(model, image))  # noqa: B023
                cells.append(found.reasons[0] or f"{seconds:.1f} s")
            except InputError as error:
                cells.append("no")
                failures.append(str(error))
        print(f"| {method} | " + " | ".join(cells) + " |", flush=True)
    print(*failures, sep="\n")


if __name__ == "__main__":
    main()
