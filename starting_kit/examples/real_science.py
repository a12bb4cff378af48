"""Writes the example real-science: a few hundred facts of our world as questions with four choices.

python real_science.py [folder]

Change the facts below, or replace them by your own, and run it again. Wrong choices are right answers of other
questions of the same kind, drawn from the most similar ones, so that the choices alone give nothing away. The facts are
common knowledge; this collection of them is in the public domain (CC0 1.0).
"""

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

SEED = 11
CHOICES = 4
CANDIDATES = 7  # most similar answers, from which the wrong ones are drawn
SHOTS = 4

# Symbol, name and atomic number.
ELEMENTS = """
    H hydrogen 1, He helium 2, Li lithium 3, Be beryllium 4, B boron 5, C carbon 6, N nitrogen 7, O oxygen 8, F
    fluorine 9, Ne neon 10, Na sodium 11, Mg magnesium 12, Al aluminum 13, Si silicon 14, P phosphorus 15, S
    sulfur 16, Cl chlorine 17, Ar argon 18, K potassium 19, Ca calcium 20, Sc scandium 21, Ti titanium 22, V
    vanadium 23, Cr chromium 24, Mn manganese 25, Fe iron 26, Co cobalt 27, Ni nickel 28, Cu copper 29, Zn zinc
    30, Ga gallium 31, Ge germanium 32, As arsenic 33, Se selenium 34, Br bromine 35, Kr krypton 36, Rb rubidium
    37, Sr strontium 38, Y yttrium 39, Zr zirconium 40, Nb niobium 41, Mo molybdenum 42, Rh rhodium 45, Pd
    palladium 46, Ag silver 47, Cd cadmium 48, In indium 49, Sn tin 50, Sb antimony 51, Te tellurium 52, I
    iodine 53, Xe xenon 54, Cs cesium 55, Ba barium 56, La lanthanum 57, Ce cerium 58, W tungsten 74, Os osmium
    76, Ir iridium 77, Pt platinum 78, Au gold 79, Hg mercury 80, Tl thallium 81, Pb lead 82, Bi bismuth 83, Rn
    radon 86, Ra radium 88, Th thorium 90, U uranium 92, Pu plutonium 94
"""
NUMBERED = 36  # elements whose atomic number is asked too: those up to krypton

# A question with {}, then what stands there and the answer to it.
KINDS = {
    "What is the SI unit of {}?": """
        force: newton; energy: joule; power: watt; pressure: pascal; electric charge: coulomb; electric
        resistance: ohm; capacitance: farad; inductance: henry; magnetic flux: weber; magnetic flux density:
        tesla; frequency: hertz; thermodynamic temperature: kelvin; mass: kilogram; length: meter; time:
        second; electric current: ampere; amount of substance: mole; luminous intensity: candela; electric
        potential difference: volt; electric conductance: siemens; illuminance: lux; luminous flux: lumen;
        radioactivity: becquerel; absorbed dose of radiation: gray; catalytic activity: katal
    """,
    "What does {} measure?": """
        a thermometer: temperature; a barometer: atmospheric pressure; a hygrometer: humidity; an
        anemometer: wind speed; a seismometer: motion of the ground; an ammeter: electric current; a
        voltmeter: voltage; a speedometer: speed of a vehicle; an odometer: distance traveled; an altimeter:
        height above sea level; a photometer: intensity of light; a calorimeter: heat of a reaction; a
        tachometer: rotational speed; a rain gauge: precipitation; a Geiger counter: ionizing radiation; a
        pH meter: acidity; a sphygmomanometer: blood pressure; a spirometer: volume of breath
    """,
    "What is the chemical formula of {}?": """
        water: H2O; carbon dioxide: CO2; carbon monoxide: CO; ammonia: NH3; methane: CH4; table salt: NaCl;
        hydrochloric acid: HCl; sulfuric acid: H2SO4; nitric acid: HNO3; glucose: C6H12O6; ethanol: C2H5OH;
        calcium carbonate: CaCO3; sodium hydroxide: NaOH; hydrogen peroxide: H2O2; ozone: O3; sulfur
        dioxide: SO2; nitrous oxide: N2O; silicon dioxide: SiO2; potassium chloride: KCl; magnesium oxide:
        MgO; calcium oxide: CaO; aluminum oxide: Al2O3; baking soda: NaHCO3; acetic acid: CH3COOH; propane:
        C3H8; butane: C4H10; benzene: C6H6; hydrogen sulfide: H2S; copper sulfate: CuSO4; silver nitrate:
        AgNO3; potassium permanganate: KMnO4; calcium hydroxide: Ca(OH)2; nitrogen dioxide: NO2; ethylene:
        C2H4; acetylene: C2H2
    """,
    "To which group of animals does the {} belong?": """
        dolphin: mammals; bat: mammals; whale: mammals; kangaroo: mammals; hedgehog: mammals; platypus:
        mammals; seal: mammals; penguin: birds; ostrich: birds; eagle: birds; owl: birds; hummingbird:
        birds; kiwi: birds; crocodile: reptiles; turtle: reptiles; lizard: reptiles; cobra: reptiles;
        chameleon: reptiles; gecko: reptiles; frog: amphibians; toad: amphibians; salamander: amphibians;
        newt: amphibians; shark: fish; salmon: fish; seahorse: fish; eel: fish; tuna: fish; trout: fish;
        ant: insects; bee: insects; butterfly: insects; beetle: insects; mosquito: insects; dragonfly:
        insects; spider: arachnids; scorpion: arachnids; tick: arachnids; crab: crustaceans; lobster:
        crustaceans; shrimp: crustaceans; snail: mollusks; octopus: mollusks; squid: mollusks; oyster:
        mollusks; clam: mollusks
    """,
    "Which part of a cell {}?": """
        makes most of its ATP by respiration: mitochondrion; holds its chromosomes in animals and plants:
        nucleus; builds proteins from amino acids: ribosome; captures light for photosynthesis: chloroplast;
        sorts and packs proteins into vesicles: Golgi apparatus; digests waste with acid enzymes: lysosome;
        surrounds it and controls what enters: plasma membrane; gives a plant its rigid outer layer: cell
        wall; stores water and keeps a plant cell firm: central vacuole; organizes the spindle in animals:
        centrosome; makes the subunits of ribosomes: nucleolus; breaks down hydrogen peroxide: peroxisome;
        is the fluid between its organelles: cytosol; moves it by beating like a whip: flagellum
    """,
    "Which organ {}?": """
        pumps blood through the body: heart; exchanges oxygen and carbon dioxide with the air: lung; filters
        blood and makes urine: kidney; makes bile: liver; stores bile: gallbladder; makes insulin: pancreas;
        stores urine: urinary bladder; digests food with hydrochloric acid: stomach; absorbs most nutrients
        of food: small intestine; absorbs water from what is left of food: large intestine; coordinates
        thoughts and movements: brain; is the largest of the lymphatic system: spleen; makes the hormone
        thyroxine: thyroid gland; makes adrenaline: adrenal gland; makes melatonin: pineal gland; lets T
        cells mature: thymus; makes egg cells: ovary; makes sperm cells: testis; is the largest of the human
        body by area: skin
    """,
    "Which planet {}?": """
        is nearest to the Sun: Mercury; is the hottest of the solar system: Venus; is called the red planet:
        Mars; is the largest of the solar system: Jupiter; is orbited by Titan: Saturn; rotates on its side:
        Uranus; is farthest from the Sun: Neptune; is known to have oceans of liquid water on its surface:
        Earth; is orbited by Phobos and Deimos: Mars; is orbited by Triton: Neptune; is orbited by Europa
        and Ganymede: Jupiter; is orbited by Titania and Oberon: Uranus; has the Great Red Spot: Jupiter;
        has Olympus Mons, the tallest volcano: Mars; takes 88 days to go around the Sun: Mercury; has a mean
        density below that of water: Saturn
    """,
    "Which scientist {}?": """
        proposed natural selection as the cause of evolution in 1859: Charles Darwin; found the laws of
        inheritance with peas: Gregor Mendel; stated the three laws of motion: Isaac Newton; published the
        theory of general relativity: Albert Einstein; discovered radium together with Pierre Curie: Marie
        Curie; arranged the first widely used periodic table: Dmitri Mendeleev; discovered penicillin:
        Alexander Fleming; stated that planets move in ellipses: Johannes Kepler; placed the Sun at the
        center in 1543: Nicolaus Copernicus; discovered four moons of Jupiter in 1610: Galileo Galilei;
        developed a vaccine against rabies: Louis Pasteur; united electricity and magnetism in four
        equations: James Clerk Maxwell; discovered the atomic nucleus: Ernest Rutherford; discovered the
        electron: J. J. Thomson; discovered electromagnetic induction in 1831: Michael Faraday; discovered
        X-rays: Wilhelm Röntgen; introduced smallpox vaccination in 1796: Edward Jenner; discovered the
        neutron: James Chadwick; proposed the drift of continents: Alfred Wegener; named species with two
        Latin words: Carl Linnaeus
    """,
    "What is the study of {} called?": """
        fungi: mycology; insects: entomology; birds: ornithology; fish: ichthyology; amphibians and
        reptiles: herpetology; plants: botany; fossils: paleontology; earthquakes: seismology; the weather:
        meteorology; inheritance: genetics; tissues: histology; the heart: cardiology; the nervous system:
        neurology; the skin: dermatology; the blood: hematology; tumors: oncology; poisons: toxicology;
        algae: phycology; viruses: virology; cells: cytology; rocks: petrology; the universe as a whole:
        cosmology; animal behavior: ethology
    """,
}


def facts() -> list[list[tuple[str, str]]]:
    """Questions with their right answers, a list for each kind."""
    elements = [entry.split() for entry in ELEMENTS.split(",")]
    symbols = [(f"What is the chemical symbol of {name}?", symbol) for symbol, name, _ in elements]
    numbers = [(f"What is the atomic number of {name}?", number) for _, name, number in elements[:NUMBERED]]
    found = [symbols, numbers]
    for question, listed in KINDS.items():
        pairs = [pair.split(": ") for pair in " ".join(listed.split()).split("; ")]
        found.append([(question.format(subject), answer) for subject, answer in pairs])
    return found


def likeness(question: str, right: str, other: str) -> float:
    """How alike two answers are: numbers that are near, or words that begin and end alike and are equally long."""
    if right.isdecimal() and other.isdecimal():
        return -abs(int(right) - int(other))
    subject = question.rstrip("?").split()[-1]
    begins = 2.0 * (other[0].casefold() in (right[0].casefold(), subject[0].casefold()))
    return begins + (other[-2:] == right[-2:]) - abs(len(other) - len(right)) / 3


def line(question: str, right: str, answers: Sequence[str], draw: random.Random) -> str:
    """A question as a line of JSON, with its choices in alphabetical order."""
    others = sorted({answer for answer in answers if answer != right})
    draw.shuffle(others)  # among equally similar ones, chance decides
    others.sort(key=lambda other: -likeness(question, right, other))
    choices = sorted([right, *draw.sample(others[:CANDIDATES], CHOICES - 1)], key=lambda choice: (len(choice), choice))
    if not right.isdecimal():
        choices.sort(key=str.casefold)
    content = {"question": question, "choices": choices, "answer": choices.index(right)}
    return json.dumps(content, ensure_ascii=False) + "\n"


def main() -> None:
    """Write test.jsonl and dev.jsonl; task.yaml is written by hand."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "real-science"
    draw = random.Random(SEED)
    lines = [line(*fact, [answer for _, answer in kind], draw) for kind in facts() for fact in kind]
    draw.shuffle(lines)
    (folder / "dev.jsonl").write_text("".join(lines[:SHOTS]), encoding="utf-8")
    (folder / "test.jsonl").write_text("".join(lines[SHOTS:]), encoding="utf-8")


if __name__ == "__main__":
    main()
