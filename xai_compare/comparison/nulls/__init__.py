"""What maps score that do not know the answer: null models, surrogates, and the floors that follow from them."""
