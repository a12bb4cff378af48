"""The competition in miniature: seven Llama models, really trained on this machine on two synthetic worlds.

Three sizes (about 150, 200 and 400 thousand parameters) in two architectures (arch1 deep, arch2 wide) learn a science
mixture: three quarters of the documents tell of invented elements, species and planets, a quarter of people. A web-only
model learns about the people alone. Each has 14 early checkpoints (iterations 4,000 to 56,000) and 8 late ones (76,000
to 244,000) on the clock of the real competition, 994 nominal billion tokens (GT) in all. Real training is in
proportion: 1 nominal GT is 896 real tokens (7 optimizer steps of 2 sequences of 64 tokens), so 0.18 million tokens for
the early window and 0.89 million for the whole. The 154 checkpoints take about 150 MB.

    mini-150k-arch1      158,144 parameters    2 layers, width 64
    mini-150k-arch1-web  158,144               the same, web only
    mini-150k-arch2      129,344               1 layer, width 64
    mini-200k-arch1      186,944               3 layers, width 64
    mini-200k-arch2      243,360               2 layers, width 96
    mini-400k-arch1      400,224               3 layers, width 96
    mini-400k-arch2      455,552               2 layers, width 128

Training takes about four minutes on two cores, in two processes of one thread each. Weights are float32 and the
same on every run on one machine.

worlds.py: the facts and the documents that tell them. tokenizer.py: byte-level BPE. training.py: one model. build.py:
trains the whole suite into the folder of checkpoints. examples.py: the example submissions of the starting kit.
"""
