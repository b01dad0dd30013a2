# ruff: noqa: E501
"""The papers to cite, as BibTeX: entries of our own, by key, and which explainers and formats call for which."""

from __future__ import annotations

from collections.abc import Iterable

from xai_compare.version import VERSION

# key: type, fields
_ENTRIES: dict[str, tuple[str, dict[str, str]]] = {
    "xai_compare": ("software", {"author": "{the xai-compare authors}", "title": "xai-compare", "version": VERSION, "year": "2026"}),
    "gaya_morey_2024": ("article", {"author": "Gaya-Morey, F. Xavier and Ramis-Guarinos, Silvia and Manresa-Yee, Cristina and Buades-Rubio, Jos{\\'e} M.", "title": "Unveiling the human-like similarities of automatic facial expression recognition: An empirical exploration through explainable {AI}", "journal": "Multimedia Tools and Applications", "volume": "83", "number": "38", "pages": "85725--85753", "year": "2024", "doi": "10.1007/s11042-024-20090-5"}),
    "park_wallraven_2022": ("inproceedings", {"author": "Park, Serin and Wallraven, Christian", "title": "Comparing facial expression recognition in humans and machines: Using {CAM}, {GradCAM}, and extremal perturbation", "booktitle": "Asian Conference on Pattern Recognition (ACPR 2021)", "year": "2022", "doi": "10.48550/arXiv.2110.04481"}),
    "ekman_2002": ("book", {"author": "Ekman, Paul and Friesen, Wallace V. and Hager, Joseph C.", "title": "Facial Action Coding System: The manual", "publisher": "Research Nexus", "address": "Salt Lake City", "year": "2002"}),
    "zhou_2016": ("inproceedings", {"author": "Zhou, Bolei and Khosla, Aditya and Lapedriza, Agata and Oliva, Aude and Torralba, Antonio", "title": "Learning deep features for discriminative localization", "booktitle": "CVPR", "pages": "2921--2929", "year": "2016"}),
    "selvaraju_2017": ("inproceedings", {"author": "Selvaraju, Ramprasaath R. and Cogswell, Michael and Das, Abhishek and Vedantam, Ramakrishna and Parikh, Devi and Batra, Dhruv", "title": "{Grad-CAM}: Visual explanations from deep networks via gradient-based localization", "booktitle": "ICCV", "pages": "618--626", "year": "2017"}),
    "fong_2019": ("inproceedings", {"author": "Fong, Ruth and Patrick, Mandela and Vedaldi, Andrea", "title": "Understanding deep networks via extremal perturbations and smooth masks", "booktitle": "ICCV", "pages": "2950--2958", "year": "2019"}),
    "ribeiro_2016": ("inproceedings", {"author": "Ribeiro, Marco Tulio and Singh, Sameer and Guestrin, Carlos", "title": "``{W}hy should {I} trust you?'': Explaining the predictions of any classifier", "booktitle": "KDD", "pages": "1135--1144", "year": "2016"}),
    "petsiuk_2018": ("inproceedings", {"author": "Petsiuk, Vitali and Das, Abir and Saenko, Kate", "title": "{RISE}: Randomized input sampling for explanation of black-box models", "booktitle": "BMVC", "year": "2018"}),
    "wang_2020": ("inproceedings", {"author": "Wang, Haofan and Wang, Zifan and Du, Mengnan and Yang, Fan and Zhang, Zijian and Ding, Sirui and Mardziel, Piotr and Hu, Xia", "title": "{Score-CAM}: Score-weighted visual explanations for convolutional neural networks", "booktitle": "CVPR Workshops", "year": "2020"}),
    "lundberg_2017": ("inproceedings", {"author": "Lundberg, Scott M. and Lee, Su-In", "title": "A unified approach to interpreting model predictions", "booktitle": "NeurIPS", "year": "2017"}),
    "banzhaf_1965": ("article", {"author": "Banzhaf, John F.", "title": "Weighted voting doesn't work: A mathematical analysis", "journal": "Rutgers Law Review", "volume": "19", "pages": "317--343", "year": "1965"}),
    "abnar_2020": ("inproceedings", {"author": "Abnar, Samira and Zuidema, Willem", "title": "Quantifying attention flow in transformers", "booktitle": "ACL", "pages": "4190--4197", "year": "2020"}),
    "kokhlikyan_2020": ("misc", {"author": "Kokhlikyan, Narine and others", "title": "Captum: A unified and generic model interpretability library for {PyTorch}", "year": "2020", "eprint": "2009.07896", "archiveprefix": "arXiv"}),
    "otsu_1979": ("article", {"author": "Otsu, Nobuyuki", "title": "A threshold selection method from gray-level histograms", "journal": "IEEE Transactions on Systems, Man, and Cybernetics", "volume": "9", "number": "1", "pages": "62--66", "year": "1979", "doi": "10.1109/TSMC.1979.4310076"}),
    "dice_1945": ("article", {"author": "Dice, Lee R.", "title": "Measures of the amount of ecologic association between species", "journal": "Ecology", "volume": "26", "number": "3", "pages": "297--302", "year": "1945"}),
    "benjamini_1995": ("article", {"author": "Benjamini, Yoav and Hochberg, Yosef", "title": "Controlling the false discovery rate: A practical and powerful approach to multiple testing", "journal": "Journal of the Royal Statistical Society, Series B", "volume": "57", "number": "1", "pages": "289--300", "year": "1995"}),
    "holm_1979": ("article", {"author": "Holm, Sture", "title": "A simple sequentially rejective multiple test procedure", "journal": "Scandinavian Journal of Statistics", "volume": "6", "number": "2", "pages": "65--70", "year": "1979"}),
    "efron_1993": ("book", {"author": "Efron, Bradley and Tibshirani, Robert J.", "title": "An introduction to the bootstrap", "publisher": "Chapman and Hall", "year": "1993"}),
    "nili_2014": ("article", {"author": "Nili, Hamed and Wingfield, Cai and Walther, Alexander and Su, Li and Marslen-Wilson, William and Kriegeskorte, Nikolaus", "title": "A toolbox for representational similarity analysis", "journal": "PLoS Computational Biology", "volume": "10", "number": "4", "pages": "e1003553", "year": "2014"}),
    "kim_2017": ("article", {"author": "Kim, Nam Wook and Bylinskii, Zoya and Borkin, Michelle A. and Gajos, Krzysztof Z. and Oliva, Aude and Durand, Fr{\\'e}do and Pfister, Hanspeter", "title": "{BubbleView}: An interface for crowdsourcing image importance maps and tracking visual attention", "journal": "ACM Transactions on Computer-Human Interaction", "volume": "24", "number": "5", "year": "2017"}),
    "xu_2014": ("article", {"author": "Xu, Juan and Jiang, Ming and Wang, Shuo and Kankanhalli, Mohan S. and Zhao, Qi", "title": "Predicting human gaze beyond pixels", "journal": "Journal of Vision", "volume": "14", "number": "1", "year": "2014"}),
}  # fmt: skip

EXPLAINERS = {
    "cam": "zhou_2016",
    "grad_cam": "selvaraju_2017",
    "extremal_perturbation": "fong_2019",
    "lime": "ribeiro_2016",
    "rise": "petsiuk_2018",
    "score_cam": "wang_2020",
    "shapley": "lundberg_2017",
    "banzhaf": "banzhaf_1965",
    "attention_rollout": "abnar_2020",
    "captum": "kokhlikyan_2020",
}
"""By an explainer's name, or the part of it before a colon."""
FORMATS = {"bubbleview": "kim_2017", "osie": "xu_2014"}
"""By the format of people's data."""


def bibtex(keys: Iterable[str]) -> str:
    """The entries of these keys, each once, in the order of their keys."""
    return "\n\n".join(_entry(key) for key in sorted(set(keys))) + "\n"


def _entry(key: str) -> str:
    kind, fields = _ENTRIES[key]
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items()]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"
