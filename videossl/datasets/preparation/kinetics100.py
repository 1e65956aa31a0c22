"""Kinetics-100: classes of Kinetics-400, from a list or by their size."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from .writing import PreparationError

NUM_CLASSES = 100
#: The classes of the list that Dadashzadeh, Whone and Mirmehdi ("Auxiliary Learning for Self-Supervised Video
#: Representation via Similarity-based Knowledge Distillation", 2021) trained on.
CLASSES = tuple(
    """
    answering_questions applauding applying_cream auctioning baby_waking_up bandaging bending_back bending_metal
    blowing_nose breading_or_breadcrumbing brush_painting building_cabinet building_shed carrying_baby
    changing_wheel checking_tires clapping clay_pottery_making cleaning_toilet climbing_a_rope cooking_sausages
    cracking_neck cutting_nails digging doing_laundry drawing drinking_beer drinking_shots drumming_fingers
    eating_cake eating_carrots exercising_arm exercising_with_an_exercise_ball faceplanting gargling
    grinding_meat hockey_stop holding_snake hugging ice_fishing ironing jogging juggling_soccer_ball
    laying_bricks making_a_cake making_a_sandwich making_sushi making_tea massaging_feet massaging_legs
    moving_furniture news_anchoring peeling_potatoes plastering playing_controller playing_flute
    playing_kickball playing_organ playing_piano pumping_gas push_up reading_newspaper recording_music
    ripping_paper rock_scissors_paper running_on_treadmill sanding_floor setting_table sharpening_knives
    shaving_legs shooting_goal_(soccer) shredding_paper sign_language_interpreting skipping_rope skydiving
    slapping sneezing sniffing spraying springboard_diving stretching_arm stretching_leg strumming_guitar
    swinging_legs sword_fighting taking_a_shower tasting_beer testifying tossing_coin training_dog tying_bow_tie
    unloading_truck using_remote_controller_(not_gaming) using_segway washing_hair water_sliding waxing_back
    whistling writing yawning
""".split()
)


def total_sizes(videos: Iterable[tuple[str, str]], sizes: Mapping[str, int]) -> dict[str, int]:
    """Size of the videos of each class in bytes.

    Args:
        videos: (path, class).
        sizes: size of each path in bytes.
    """
    totals: defaultdict[str, int] = defaultdict(int)
    for path, class_name in videos:
        totals[class_name] += sizes[path]
    return dict(totals)


def smallest_classes(totals: Mapping[str, int], number: int = NUM_CLASSES) -> list[str]:
    """The classes with the smallest sizes, in alphabetical order. Of two equal sizes the alphabetically first class is taken.

    This is the definition of Chen et al., "RSPNet: Relative Speed Perception for Unsupervised Video Representation
    Learning" (2021). It depends on the transcoding and on missing videos: two copies of Kinetics-400 give two sets of
    classes.

    Raises:
        PreparationError: there are fewer classes.
    """
    if len(totals) < number:
        raise PreparationError(
            f'the {number} smallest classes cannot be chosen from {len(totals)}; the training videos of '
            'all classes of Kinetics-400 are needed for this. Or take the classes of the list: --by list'
        )
    return sorted(sorted(totals, key=lambda name: (totals[name], name))[:number])
